"""The row of round trips: what is counted as added."""

from __future__ import annotations

import pytest
from bench.claims import Claim
from bench.rows.latency import Trips, result

FORWARDING, UDP = "forwarding", "UDP, AES-128-GCM"


def trips(microseconds: float, until_woken: float) -> Trips:
    return Trips([microseconds] * 100, [until_woken] * 100)


def claims(blocks: list[dict[str, Trips]]) -> dict[tuple[str, str], Claim]:
    return {(claim.work, claim.against): claim for claim in result(blocks).claims}


def test_what_is_added_is_counted_to_the_arrival_block_by_block() -> None:
    # A machine that slows down from block to block slows both.
    blocks = [
        {FORWARDING: trips(plain, plain + 10), UDP: trips(plain + added, plain + added + 40)}
        for plain, added in ((50.0, 110.0), (500.0, 120.0), (900.0, 130.0))
    ]
    found = claims(blocks)
    assert found["round trip added, idle", "median"].value == pytest.approx(120.0)
    assert found["round trip added, idle", "99th percentile"].value == pytest.approx(120.0)
    woken = found["round trip added, idle, until the pinger runs", "median"]
    assert woken.value == pytest.approx(150.0)
    assert woken.floor is None


def test_the_slowest_hundredth_counts_beside_the_median() -> None:
    slow = Trips([100.0] * 90 + [900.0] * 10, [100.0] * 100)
    found = claims([{FORWARDING: trips(50.0, 60.0), UDP: slow}])
    assert found["round trip added, idle", "median"].value == pytest.approx(50.0)
    assert found["round trip added, idle", "99th percentile"].value == pytest.approx(850.0)


def test_rivals_are_measured_against_the_forwarding_of_their_own_blocks() -> None:
    ours = [{FORWARDING: trips(50.0, 60.0), UDP: trips(150.0, 190.0)}]
    theirs = [{FORWARDING: trips(70.0, 80.0), "wireguard-go": trips(400.0, 440.0)}]
    outcome = result(ours, theirs)
    added = {(claim.work, claim.against): claim for claim in outcome.claims}
    rival = added["round trip added, idle, wireguard-go", "median"]
    assert rival.value == pytest.approx(330.0)
    assert rival.floor is None
    assert added["round trip added, idle", "median"].value == pytest.approx(100.0)
    (table,) = outcome.tables
    assert [row[0] for row in table.rows] == [FORWARDING, UDP, "wireguard-go"]
