"""Two engines with keys put in by hand: what hosts behind them can do, what the Internet sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from gatewright.dataplane.engine import EngineDataPlane
from gatewright.dataplane.fast_paths import SWITCHES
from gatewright.dataplane.interface import Acquire, DataPlaneError, IkeDatagram
from gatewright.iana.algorithms import Cipher, Integrity
from gatewright.ipsec.association import Encapsulation
from gatewright.lab.namespace import Namespace
from gatewright.lab.traffic import Pinger, SteadyPings, ping, transfer
from gatewright.lab.world import World
from tests.support.engines import INTERFACE, Pair
from tests.support.scapy_esp import EVERY_ALGORITHM, algorithm_name, reversed_sa

pytestmark = pytest.mark.netns


@pytest.fixture(scope="module", params=[(), SWITCHES], ids=["offload", "plain"])
def pair(request: pytest.FixtureRequest, new_world: Callable[..., World]) -> Iterator[Pair]:
    world = new_world()
    pair = Pair(world, without=request.param)
    yield pair
    pair.close()


@pytest.fixture
def own_pair(world: World) -> Iterator[Pair]:
    pair = Pair(world)
    yield pair
    pair.close()


def _hosts(world: World) -> list[tuple[Namespace, Namespace, str]]:
    return [
        (world.host_a, world.host_b, world.ipv4.b.host),
        (world.host_a, world.host_b, world.ipv6.b.host),
        (world.host_b, world.host_a, world.ipv4.a.host),
        (world.host_b, world.host_a, world.ipv6.a.host),
    ]


@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("encapsulation", list(Encapsulation), ids=lambda e: e.name)
def test_pings_and_tcp_cross_and_nothing_in_clear(
    pair: Pair, encapsulation: Encapsulation, outer: int
) -> None:
    sa = pair.sa(encapsulation=encapsulation, outer=outer)
    world = pair.world
    with world.capture(f"{encapsulation.name}{outer}", unprotected_only=True) as capture:
        pair.connect(sa)
        for sender, receiver, destination in _hosts(world):
            assert ping(sender, destination, 3).all_answered, (pair.a.drops(), pair.b.drops())
            # The first full-size segment is answered by "too big": that must reach the sender.
            assert transfer(sender, receiver, destination, 0.3).octets > 1 << 20
        pair.disconnect(sa)
    assert capture.tally.clear == []


@pytest.mark.parametrize("algorithm", EVERY_ALGORITHM, ids=algorithm_name)
def test_every_algorithm(pair: Pair, algorithm: tuple[Cipher, Integrity | None]) -> None:
    for number, esn in enumerate([False, True]):
        sa = pair.sa(algorithm, number=number, esn=esn)
        pair.connect(sa)
        assert ping(pair.world.host_a, pair.world.ipv4.b.host, 2).all_answered
        assert ping(pair.world.host_b, pair.world.ipv6.a.host, 2, payload=1000).all_answered
        pair.disconnect(sa)


@pytest.mark.parametrize("encapsulation", list(Encapsulation), ids=lambda e: e.name)
def test_large_datagrams_are_fragmented_before_esp(
    own_pair: Pair, encapsulation: Encapsulation
) -> None:
    # In a world of its own: once its host knows the path's MTU, it fragments by itself.
    pair, world = own_pair, own_pair.world
    pair.connect(pair.sa(encapsulation=encapsulation))
    assert ping(world.host_a, world.ipv4.b.host, 2, payload=4000).all_answered
    assert pair.a.engine.counters()["fragments_made"] > 0
    # In IPv6 only hosts fragment: each side's first answer is "too big", and on a busy machine a
    # host hears of it after its next.
    tries = (ping(world.host_a, world.ipv6.b.host, 1, timeout=1, payload=4000) for _ in range(10))
    assert any(each.all_answered for each in tries)


def test_the_first_packet_waits_for_the_sa(own_pair: Pair) -> None:
    with Pinger(own_pair.world.host_a, own_pair.world.ipv4.b.host) as pinger:
        sent = pinger.send()
        (event,) = own_pair.a.wait_for_events()
        assert isinstance(event, Acquire)
        assert (event.policy_id, event.protocol) == (1, 1)
        assert str(event.destination) == own_pair.world.ipv4.b.host
        own_pair.connect(own_pair.sa())
        assert pinger.receive(5) == sent


def test_a_path_that_gets_narrow_is_learnt(own_pair: Pair) -> None:
    """A router on the way says "fragmentation needed": the hosts are told in their turn."""
    own_pair.connect(own_pair.sa())
    world = own_pair.world
    # What gateway A knows of the route stands for what a router would say.
    world.gateway_a.ip(f"route replace {world.ipv4.b.external}/32 dev wan mtu 1300")
    assert transfer(world.host_a, world.host_b, world.ipv4.b.host, 0.3).octets > 1 << 20
    assert own_pair.a.engine.counters()["icmp_too_big_sent"] > 0


@pytest.mark.parametrize("encapsulation", list(Encapsulation), ids=lambda e: e.name)
def test_the_least_ipv6_packet_crosses_a_narrow_path(
    own_pair: Pair, encapsulation: Encapsulation
) -> None:
    world = own_pair.world
    for gateway, other in ((world.gateway_a, world.ipv4.b), (world.gateway_b, world.ipv4.a)):
        gateway.ip(f"route replace {other.external}/32 dev wan mtu 1300")
    own_pair.connect(own_pair.sa(encapsulation=encapsulation))
    # 40 octets of IPv6 header and 8 of ICMPv6 make 1280.
    assert ping(world.host_a, world.ipv6.b.host, 2, payload=1232).all_answered
    assert transfer(world.host_a, world.host_b, world.ipv6.b.host, 0.3).octets > 1 << 20


def test_a_rekey_loses_nothing(own_pair: Pair) -> None:
    world = own_pair.world
    old = own_pair.sa(number=0)
    own_pair.connect(old)
    with SteadyPings(world.host_a, world.ipv4.b.host, interval=0.001) as pings:
        for number in range(1, 20):
            new = own_pair.sa(number=number)
            own_pair.b.add(replace(reversed_sa(new), outbound_standby=True))
            own_pair.a.add(new)
            assert pings.wait_answered(20, 5)
            own_pair.disconnect(old)
            old = new
        pings.finish()
        assert pings.answered == pings.sent


def test_it_blocks_when_it_stops_and_is_taken_over(own_pair: Pair) -> None:
    world, sa = own_pair.world, own_pair.sa()
    own_pair.connect(sa)
    assert ping(world.host_a, world.ipv4.b.host).all_answered
    with world.capture() as capture:
        own_pair.a.engine.close(remove=False)
        assert INTERFACE in world.gateway_a.run(["ip", "link"])
        assert not ping(world.host_a, world.ipv4.b.host, timeout=0.3).answered
    assert capture.tally.clear == []
    own_pair.a.engine = EngineDataPlane(INTERFACE)
    own_pair.open()
    # A sequence number must not be used twice: new keys.
    own_pair.connect(own_pair.sa(number=1))
    assert ping(world.host_a, world.ipv4.b.host).all_answered
    own_pair.a.engine.close(remove=True)
    assert INTERFACE not in world.gateway_a.run(["ip", "link"])


def test_addresses_come_and_go_without_disturbing_the_others(own_pair: Pair) -> None:
    world = own_pair.world
    own_pair.connect(own_pair.sa())
    four = [ip_address(world.ipv4.a.external)]
    engine = own_pair.a.engine
    with SteadyPings(world.host_a, world.ipv4.b.host, interval=0.002) as pings:
        own_pair.a.inside(lambda: engine.open(four))
        assert not any("2001" in name for name in engine.state().features)
        own_pair.a.inside(lambda: engine.open([*four, ip_address(world.ipv6.a.external)]))
        assert pings.wait_answered(10, 5)
        pings.finish()
        assert pings.answered == pings.sent
    assert any("2001" in name for name in engine.state().features)


def test_an_address_that_came_later_is_waited_for(own_pair: Pair) -> None:
    world = own_pair.world
    here, there = ip_address(world.ipv4.a.external), ip_address(world.ipv4.b.external)
    new, others = here + 8, [here, ip_address(world.ipv6.a.external)]
    world.gateway_a.ip(f"addr add {new}/24 dev wan")
    own_pair.a.inside(lambda: own_pair.a.engine.open([*others, new]))
    own_pair.b.engine.send_ike(there, new, 4500, b"knock")
    assert own_pair.a.wait_for_events() == [IkeDatagram(new, 4500, there, 4500, b"knock")]


@pytest.mark.parametrize("version", [4, 6])
def test_ike_messages_of_every_size_pass_beside_esp(own_pair: Pair, version: int) -> None:
    sides = own_pair.world.ipv4 if version == 4 else own_pair.world.ipv6
    here, there = ip_address(sides.a.external), ip_address(sides.b.external)
    own_pair.a.engine.send_keepalive(here, there, 4500)
    for size in (1, 1400, 5000):
        message = bytes(index & 0xFF for index in range(size))
        own_pair.a.engine.send_ike(here, there, 4500, message)
        assert own_pair.b.wait_for_events() == [IkeDatagram(there, 4500, here, 4500, message)]
    assert own_pair.b.engine.counters()["keepalives_in"] == 1


def test_a_removed_device_is_told_of(own_pair: Pair) -> None:
    own_pair.world.gateway_a.ip(f"link delete {INTERFACE}")
    with pytest.raises(DataPlaneError, match="somebody removed the TUN device gwengine"):
        own_pair.a.wait_for_events()
    assert "removed" in own_pair.a.engine.state().features["stopped"]


def test_refusals_say_what_to_do(own_pair: Pair) -> None:
    second = EngineDataPlane("gwother")
    namespace, address = own_pair.world.gateway_a, own_pair.world.ipv4.a.external
    with pytest.raises(DataPlaneError, match=r"another program has the port.*ss -ulpn"):
        namespace.call(lambda: second.open([ip_address(address)]))
    namespace.ip("link add gwother type veth peer name gwother2")
    with pytest.raises(DataPlaneError, match="no TUN device of ours"):
        namespace.call(lambda: second.open([]))
    assert own_pair.a.engine.state().features["workers"] == "1"
