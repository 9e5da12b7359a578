from ipaddress import ip_address

from gatewright.ike.limits import CookieSecrets, HalfOpen, Limits
from tests.support.entropy import seeded

A, B = ip_address("203.0.113.1"), ip_address("203.0.113.2")


def test_one_address_cannot_take_all_places() -> None:
    half_open = HalfOpen(Limits(half_open=3, per_address=2))
    half_open.add(A)
    half_open.add(A)
    assert half_open.refusal(A) == "half_open_limit_per_address"
    assert half_open.refusal(B) is None
    half_open.add(B)
    assert half_open.refusal(B) == "half_open_limit"
    half_open.remove(A)
    assert half_open.refusal(B) is None
    assert half_open.total == 2


def test_a_cookie_secret_outlives_one_renewal_and_no_more() -> None:
    secrets = CookieSecrets(seeded(1), Limits(cookie_secret_lifetime=100.0))
    first = secrets.current(0.0)[0]
    assert list(secrets.current(99.0)) == [first]
    assert secrets.current(100.0)[1] == first
    assert first not in secrets.current(200.0)
