from gatewright.ike.outputs import IkeSaClosed
from gatewright.ike.v1 import views
from gatewright.ike.v1.schedule import Schedule
from gatewright.ike.v1.states import State
from tests.unit.ike.v1.builders import NOW, core


def test_an_established_sa() -> None:
    sa, schedule = core(), Schedule(NOW)
    schedule.begin(sa, NOW)
    shown = views.snapshot(sa, schedule, NOW + 100, keeps_pairs=True)
    assert (shown.version, shown.state, shown.initiator) == (1, "established", True)
    assert shown.algorithms == "aes-128-cbc / prf-hmac-sha256 / ecp-256"
    assert (shown.age, shown.expires_in) == (100, 28700)
    assert shown.rekey_in is not None
    event = views.established(sa, rekeyed=True)
    assert (event.spi_i, event.spi_r, event.rekeyed) == (shown.spi_i, shown.spi_r, True)


def test_one_that_is_half_open_has_no_times_and_no_algorithms() -> None:
    sa = core(state=State.SENT_1)
    sa.choice = None
    shown = views.snapshot(sa, Schedule(NOW), NOW, keeps_pairs=False)
    assert (shown.algorithms, shown.rekey_in, shown.expires_in) == ("", None, None)


def test_its_end_names_it() -> None:
    assert views.closed(core(), "why") == IkeSaClosed("branch", "49" * 8, "52" * 8, "why")
