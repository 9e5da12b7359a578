"""A gateway with many IKE SAs of their own to one peer begins a few of them at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

import pytest

from gatewright.ike.outputs import ChildSaEstablished, IkeSaEstablished
from gatewright.ike.turns import AT_ONCE, FOR_URGENT
from gatewright.policy.compiled import Connection, Identity, IdentityType, IkeVersion, StartMode
from tests.support.gateways import Pair, child, connection, pair, selector
from tests.support.gateways_v1 import ESP_V1, IKE_V1
from tests.support.sim import Packet

TUNNELS = 200
ANOTHER = ip_address("203.0.113.9")
ALWAYS, ON_DEMAND = StartMode.ALWAYS, StartMode.ON_DEMAND


def tunnels(
    start: StartMode, version: IkeVersion = IkeVersion.V2, count: int = TUNNELS
) -> list[Connection]:
    """A's side: each has an identity of its own, so none shares an IKE SA with another."""
    made = []
    for number in range(1, count + 1):
        one = child(
            *((ESP_V1,) if version is IkeVersion.V1 else ()),
            policy_id=number,
            remote=[selector(f"10.9.{number}.0/24")],
            start=start,
        )
        side = connection(one, name=f"tunnel {number}", version=version)
        if version is IkeVersion.V1:
            side = replace(side, proposals=(IKE_V1,))
        name = Identity(IdentityType.FQDN, f"a{number}.example")
        made.append(replace(side, local_identity=name))
    return made


def mirrored(side: Sequence[Connection]) -> list[Connection]:
    return [
        replace(
            each,
            local=each.remote,
            remote=each.local,
            local_identity=each.remote_identity,
            remote_identity=each.local_identity,
            children=tuple(
                replace(one, local=one.remote, remote=one.local, start=ON_DEMAND)
                for one in each.children
            ),
        )
        for each in side
    ]


def up(gateways: Pair) -> int:
    return len(gateways.a.told(ChildSaEstablished))


def most_half_open(gateways: Pair, wanted: int, seconds: float) -> int:
    """The highest number at the responder, until so many tunnels are up."""
    seen = 0

    def enough() -> bool:
        nonlocal seen
        seen = max(seen, gateways.endpoint_b.counters()["half_open"])
        return up(gateways) == wanted

    gateways.network.run_until(enough, seconds)
    return seen


def silence(gateways: Pair, tunnels: int) -> set[bytes]:
    """Nothing of the next so many IKE SAs arrives; their SPIs, as they begin."""
    silenced: set[bytes] = set()

    def drop(packet: Packet) -> list[Packet] | None:
        spi = packet.payload[:8]
        if spi not in silenced and len(silenced) == tunnels:
            return None
        silenced.add(spi)
        return []

    gateways.network.interceptors.append(drop)
    return silenced


@pytest.mark.parametrize("version", list(IkeVersion))
def test_all_come_up_and_few_are_half_open(version: IkeVersion) -> None:
    side = tunnels(ALWAYS, version)
    gateways = pair(side, mirrored(side))
    assert 0 < most_half_open(gateways, TUNNELS, 30.0) <= AT_ONCE
    assert len(gateways.a.told(IkeSaEstablished)) == TUNNELS
    assert not gateways.a.failures()
    counters = gateways.endpoint_b.counters()
    assert not {"half_open_limit_per_address", "half_open_displaced"} & set(counters)
    assert gateways.endpoint_a.counters()["waiting_for_a_turn"] == 0


def test_what_traffic_and_people_ask_for_goes_first() -> None:
    side = tunnels(ALWAYS)
    gateways = pair(side, mirrored(side))
    silenced = silence(gateways, tunnels=AT_ONCE - FOR_URGENT)
    gateways.network.run(0.001)
    assert len(silenced) == AT_ONCE - FOR_URGENT
    gateways.endpoint_a.acquire(TUNNELS, None, gateways.network.now)
    gateways.endpoint_a.up("tunnel 150", gateways.network.now)
    gateways.network.run(0.5)
    (first, second) = (each.sa.policy_id for each in gateways.a.told(ChildSaEstablished))
    assert (first, second) == (TUNNELS, 150)


def test_one_that_gets_no_answer_keeps_its_place_no_longer_than_it_tries() -> None:
    side = tunnels(ALWAYS)
    gateways = pair(side, mirrored(side))
    silence(gateways, tunnels=AT_ONCE - FOR_URGENT)
    gateways.network.run(30.9)
    assert up(gateways) == 0
    gateways.network.run(10)
    assert up(gateways) == TUNNELS


def test_a_peer_that_does_not_answer_keeps_nobody_else_waiting() -> None:
    to_b = tunnels(ON_DEMAND, count=20)
    elsewhere = [
        replace(each, name=f"nobody {number}", remote=ANOTHER,
                children=(replace(each.children[0], policy_id=1000 + number, start=ALWAYS),))
        for number, each in enumerate(tunnels(ON_DEMAND, count=20), 1)
    ]  # fmt: skip
    gateways = pair([*elsewhere, *to_b], mirrored(to_b))
    for each in to_b:
        gateways.endpoint_a.up(each.name, gateways.network.now)
    gateways.network.run(1.0)
    assert up(gateways) == len(to_b)
    assert gateways.endpoint_a.counters()["waiting_for_a_turn"] == 20 - AT_ONCE + FOR_URGENT
    begun = {
        packet.payload[:8]
        for _, packet in gateways.network.carried
        if packet.destination.ip == ANOTHER
    }
    assert len(begun) == AT_ONCE - FOR_URGENT


def test_what_was_taken_down_or_changed_has_no_turn() -> None:
    side = tunnels(ALWAYS, count=8)
    gateways = pair(side, mirrored(side))
    silence(gateways, tunnels=AT_ONCE - FOR_URGENT)
    kept = [each for each in side if each.name != "tunnel 7"]
    gateways.endpoint_a.set_connections(kept, gateways.network.now)
    gateways.endpoint_a.down("tunnel 8", gateways.network.now)
    gateways.network.run(60)
    assert {each.sa.tunnel for each in gateways.a.told(ChildSaEstablished)} == {
        f"tunnel {number}" for number in range(1, 7)
    }
