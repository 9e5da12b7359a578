"""Protocol 50 past the kernel's IP layer: it follows every change, and steps back in time."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from gatewright.control.models import Status
from gatewright.lab.gateway import Gateway
from gatewright.lab.namespace import Namespace
from gatewright.lab.policies import TunnelText
from gatewright.lab.traffic import SteadyPings, ping, transfer
from gatewright.lab.world import Sides, World
from tests.support import refusing
from tests.support.refusing import Refusal
from tests.support.running import gatewright

pytestmark = pytest.mark.netns

DIRECT = "direct through wan"


def joined(
    world: World, sides: Sides, *arguments: str, refusals: Sequence[Refusal] = ()
) -> Gateway:
    """Gateway A of a tunnel that carried pings, so that the neighbour is known.

    ``refusals``: what the kernel refuses it.
    """
    tunnel = TunnelText(sides.a, sides.b)
    gateways = [
        gatewright(world, "A", str(tunnel)),
        gatewright(world, "B", str(tunnel.mirrored())),
    ]
    if refusals:
        gateways[0].under = refusing.command(*refusals)
    for gateway in gateways:
        gateway.start(*arguments)
    for gateway in gateways:
        gateway.wait_ready()
    # The first packet waits for the SA, the second finds the neighbour, the third goes directly.
    assert ping(world.host_a, sides.b.host, 3, timeout=10).all_answered, gateways[0].tail()
    return gateways[0]


def way(sides: Sides) -> Callable[[Status], str]:
    """How protocol 50 leaves, as the status tells."""

    def read(status: Status) -> str:
        assert status.data_plane is not None
        return status.data_plane.features[f"esp {sides.a.external}"]

    return read


def wait_way(gateway: Gateway, sides: Sides, wanted: str) -> None:
    gateway.wait_status(lambda status: way(sides)(status) == wanted, f"sending {wanted!r}")


@dataclass(frozen=True, slots=True)
class Tunnel:
    world: World
    sides: Sides
    gateway: Gateway


@pytest.fixture(scope="module", params=[4, 6])
def tunnel(request: pytest.FixtureRequest, new_world: Callable[..., World]) -> Tunnel:
    """A tunnel over IPv4, then one over IPv6, that sends directly by itself."""
    world = new_world()
    sides = world.ipv4 if request.param == 4 else world.ipv6
    return Tunnel(world, sides, joined(world, sides))


def test_a_neighbour_that_gets_another_link_address_is_followed(tunnel: Tunnel) -> None:
    world, sides, gateway = tunnel.world, tunnel.sides, tunnel.gateway
    assert way(sides)(gateway.status()) == DIRECT
    world.gateway_b.sysctl(
        {"net/ipv4/conf/wan/arp_notify": "1", "net/ipv6/conf/wan/ndisc_notify": "1"}
    )
    with SteadyPings(world.host_a, sides.b.host) as pings:
        assert pings.wait_answered(20, 10)
        world.gateway_b.run(["ip", "link", "set", "wan", "address", "02:00:00:00:00:77"])
        # Those on their way at that moment may be lost; a black hole would swallow the rest.
        assert pings.wait_answered(20, 10)
        pings.finish()
    assert link_address(world.gateway_a, sides.b.external) == "02:00:00:00:00:77"
    wait_way(gateway, sides, DIRECT)


def link_address(namespace: Namespace, neighbour: str) -> str:
    (entry,) = json.loads(namespace.run(["ip", "-j", "neigh", "show", "to", neighbour]))
    return str(entry["lladdr"])


def test_the_chain_of_somebody_else_sees_every_packet(tunnel: Tunnel) -> None:
    world, sides, gateway = tunnel.world, tunnel.sides, tunnel.gateway
    wait_way(gateway, sides, DIRECT)
    world.gateway_a.run(
        ["nft", "add table inet mine; add chain inet mine out"
         " { type filter hook output priority 0; }; add counter inet mine seen;"
         " add rule inet mine out meta l4proto esp counter name seen"]
    )  # fmt: skip
    assert ping(world.host_a, sides.b.host, 5).all_answered, gateway.tail()
    counters = json.loads(world.gateway_a.run(["nft", "-j", "list counter inet mine seen"]))
    (counter,) = (each["counter"] for each in counters["nftables"] if "counter" in each)
    assert counter["packets"] == 5
    with SteadyPings(world.host_a, sides.b.host) as pings:
        wait_way(gateway, sides, "raw socket: nftables chain mine out")
        world.gateway_a.run(["nft", "delete table inet mine"])
        wait_way(gateway, sides, DIRECT)
        pings.finish()
    assert pings.answered == pings.sent


def test_a_route_by_way_of_another_router_is_followed(tunnel: Tunnel) -> None:
    """The peer is on the link; then a route says that it is behind a router, which is nowhere."""
    world, sides, gateway = tunnel.world, tunnel.sides, tunnel.gateway
    wait_way(gateway, sides, DIRECT)
    nowhere = f"{sides.internet}9" if sides is world.ipv6 else "203.0.113.77"
    with SteadyPings(world.host_a, sides.b.host) as pings:
        assert pings.wait_answered(20, 10)
        route = f"{sides.b.external} via {nowhere} dev wan".split()
        world.gateway_a.run(["ip", "route", "add", *route])
        wait_way(gateway, sides, "raw socket: the next hop's link address is not known")
        world.gateway_a.run(["ip", "route", "del", *route])
        wait_way(gateway, sides, DIRECT)
        assert pings.wait_answered(20, 10)
        pings.finish()


def test_a_path_that_gets_narrower_is_noticed(tunnel: Tunnel) -> None:
    world, sides, gateway = tunnel.world, tunnel.sides, tunnel.gateway
    transfer(world.host_a, world.host_b, sides.b.host, 0.3)
    assert way(sides)(gateway.status()) == DIRECT
    for namespace in (world.gateway_a, world.gateway_b):
        namespace.run(["ip", "link", "set", "wan", "mtu", "1400"])
    transfer(world.host_a, world.host_b, sides.b.host, 0.3)
    assert way(sides)(gateway.status()) == DIRECT


def test_where_it_is_to_be_used_in_any_case_chains_are_passed_by(world: World) -> None:
    sides = world.ipv4
    world.gateway_a.run(
        ["nft", "add table ip mine; add chain ip mine out"
         " { type filter hook postrouting priority 0; }"]
    )  # fmt: skip
    assert way(sides)(joined(world, sides, "--direct-esp", "on").status()) == DIRECT


def test_switched_off_the_raw_socket_sends(world: World) -> None:
    sides = world.ipv4
    gateway = joined(world, sides, "--direct-esp", "off")
    assert way(sides)(gateway.status()) == "raw socket: direct sending is off"


@pytest.mark.parametrize(
    ("refusal", "why"),
    [
        (refusing.PACKET_SOCKET, "Address family not supported by protocol"),
        (refusing.TRANSMIT_RING, "Protocol not available"),
        (refusing.OFFLOAD_HEADER, "Protocol not available"),
    ],
    ids=["packet socket", "transmit ring", "offload header"],
)
def test_what_the_kernel_refuses_the_raw_socket_does(
    world: World, refusal: Refusal, why: str
) -> None:
    sides = world.ipv4
    gateway = joined(world, sides, refusals=[refusal])
    assert way(sides)(gateway.status()).startswith(f"raw socket: no transmit ring: {why}")
    assert ping(world.host_a, sides.b.host, 20).answered == 20, gateway.tail()
    assert transfer(world.host_a, world.host_b, sides.b.host, 0.3).octets > 0


def test_a_link_for_larger_packets_than_a_ring_takes_keeps_its_ring(world: World) -> None:
    """One of 65,535 octets: a packet that needs all of it goes by the raw socket."""
    sides = world.ipv4
    for namespace in (world.gateway_a, world.gateway_b):
        namespace.run(["ip", "link", "set", "wan", "mtu", "65535"])
    gateway = joined(world, sides)
    assert way(sides)(gateway.status()) == DIRECT
    rings = packet_sockets(world.gateway_a)
    assert rings
    assert ping(world.host_a, sides.b.host, 20).all_answered, gateway.tail()
    assert packet_sockets(world.gateway_a) == rings


def packet_sockets(namespace: Namespace) -> set[str]:
    """The inodes of all packet sockets inside: another one has another number."""
    _, *lines = namespace.run(["cat", "/proc/net/packet"]).splitlines()
    return {line.split()[-1] for line in lines}
