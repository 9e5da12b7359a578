"""What a series of streams says about the lines of the targets."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from bench.claims import Claim, Mark
from bench.noise import Judge, Pauses
from bench.paths import catalogue
from bench.rows.streams import ORDER, PARTS
from bench.series import Sample, Series, Stream
from bench.setting import QUICK, Setting

FORWARDING = 10_000.0


@pytest.fixture
def setting() -> Setting:
    return Setting(ExitStack(), Judge(Pauses()), QUICK, lambda _: None)


def series(**megabits: float) -> Series:
    """One repetition; ``GCM=4000`` is the path of that name in the catalogue."""
    taken = {
        getattr(catalogue, name).name: [Sample(rate, 1e4 / rate, 1.0, rate / FORWARDING)]
        for name, rate in megabits.items()
    }
    return Series(taken, [Stream(FORWARDING, 1.0, 0.0)])


def by_against(claims: list[Claim]) -> dict[str, Claim]:
    return {claim.against: claim for claim in claims}


def test_a_stream_in_udp(setting: Setting) -> None:
    setting.absent[catalogue.BORINGTUN.name] = "there is no cargo"
    measured = series(GCM=4500, STRONGSWAN=300, WIREGUARD_GO=5000)
    claims = by_against(PARTS["stream"].claims(measured, setting))
    assert claims["of forwarding with offload"].value == pytest.approx(0.45)
    assert claims["of forwarding with offload"].mark is Mark.PASS
    assert claims["over strongSwan libipsec, UDP"].value == pytest.approx(15.0)
    assert claims["over wireguard-go"].mark is Mark.BELOW
    assert claims["over boringtun-cli"].mark is Mark.MISSING
    assert claims["over boringtun-cli"].note == "there is no cargo"


def test_protocol_50_is_compared_with_no_strongswan_that_was_not_measured(setting: Setting) -> None:
    measured = series(PROTOCOL_50=1500, PACKET_BY_PACKET=2000)
    claims = by_against(PARTS["esp"].claims(measured, setting))
    assert claims["of forwarding packet by packet"].value == pytest.approx(0.75)
    assert claims["over strongSwan, protocol 50"].value is None
    assert "not measured here" in claims["over strongSwan, protocol 50"].note


def test_cpu_has_to_fall_by_as_much_as_throughput_rises(setting: Setting) -> None:
    (claim,) = PARTS["cpu"].claims(series(GCM=4000, STRONGSWAN=400), setting)
    assert claim.value == pytest.approx(10.0)
    assert claim.floor == pytest.approx(10.0)


def test_two_ciphers_are_compared_with_one_another_and_not_through_forwarding(
    setting: Setting,
) -> None:
    measured = series(GCM=4000, GCM_256=3800)
    measured.samples[catalogue.GCM_256.name][0] = Sample(3800, 2.0, 1.0, relative=0.3)
    claims = by_against(PARTS["ciphers"].claims(measured, setting))
    assert claims["of AES-128-GCM"].value == pytest.approx(0.95)


def test_every_part_has_its_paths_in_the_order_of_measurement() -> None:
    assert {kind.name for part in PARTS.values() for kind in part.kinds} == {
        kind.name for kind in ORDER
    }
