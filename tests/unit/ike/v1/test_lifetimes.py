import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.ike.machine import Timing
from gatewright.ike.v1.lifetimes import Lifetime, read, rekey_after
from gatewright.wire.v1.attributes import Attribute
from tests.support.entropy import seeded

UNIT, DURATION = 11, 12


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_what_is_written_is_read(seconds: int, kilobytes: int) -> None:
    lifetime = Lifetime(seconds, kilobytes)
    assert read(lifetime.attributes(UNIT, DURATION), UNIT, DURATION) == lifetime


def test_a_variable_length_duration_of_a_2003_gateway() -> None:
    attributes = (
        Attribute.of(UNIT, 1),
        Attribute(DURATION, bytes.fromhex("00007080"), basic=False),
        Attribute.of(UNIT, 2),
        Attribute(DURATION, bytes.fromhex("000186a0"), basic=False),
    )
    assert read(attributes, UNIT, DURATION) == Lifetime(28800, 100_000)


def test_a_duration_longer_than_any_number_is_bounded() -> None:
    endless = (Attribute.of(UNIT, 1), Attribute(DURATION, b"\xff" * 64, basic=False))
    assert read(endless, UNIT, DURATION).seconds == 2**32 - 1


def test_an_unknown_unit_is_ignored() -> None:
    assert read((Attribute.of(UNIT, 9), Attribute.of(DURATION, 5)), UNIT, DURATION) == Lifetime(0)


@pytest.mark.parametrize(
    ("ours", "theirs", "agreed"),
    [
        (Lifetime(3600, 0), Lifetime(600, 0), Lifetime(600, 0)),
        (Lifetime(600, 100), Lifetime(3600, 0), Lifetime(600, 100)),
        (Lifetime(600, 100), Lifetime(0, 50), Lifetime(600, 50)),
    ],
)
def test_the_shorter_of_each_is_agreed(ours: Lifetime, theirs: Lifetime, agreed: Lifetime) -> None:
    assert ours.agreed(theirs) == theirs.agreed(ours) == agreed


def test_the_initiator_renews_before_the_responder() -> None:
    timing, random = Timing(rekey_fuzz=0.5), seeded(1)
    firsts = [rekey_after(1000, 100, timing, random, first=True) for _ in range(200)]
    seconds = [rekey_after(1000, 100, timing, random, first=False) for _ in range(200)]
    assert 900 <= min(firsts) < max(firsts) <= 950
    assert 975 <= min(seconds) < max(seconds) < 1000
