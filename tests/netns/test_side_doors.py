"""Ways past the tunnel that no filter of the policy names: lost routes, ICMP errors, NAT, others.

Each was seen to leak, or to break a gateway, before the guards knew of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6

from gatewright.lab.capture import Capture
from gatewright.lab.gateway import Gateway
from gatewright.lab.packets import Kind
from gatewright.lab.policies import TUNNEL, TunnelText
from gatewright.lab.traffic import Pinger, ping
from gatewright.lab.world import World
from tests.support.injection import Injector
from tests.support.running import gatewright, sides_of

pytestmark = pytest.mark.netns

EVERYTHING = "0.0.0.0/0"
NAT_OF_THE_USER = """
table ip users {
  chain out {
    type nat hook postrouting priority srcnat;
    oifname "wan" masquerade
  }
  chain in {
    type nat hook prerouting priority dstnat;
    iifname "wan" tcp dport 8080 dnat to 192.168.10.2:80
  }
}
"""


def start(*gateways: Gateway) -> None:
    for gateway in gateways:
        gateway.start()
    for gateway in gateways:
        gateway.wait_ready()


def joined(world: World, *, everything: bool = False) -> tuple[Gateway, Gateway]:
    """Both gateways with the tunnel up; ``everything`` of NetA goes through it."""
    networks = [EVERYTHING] if everything else []
    a, b = sides_of(world.ipv4, "A")
    text = TunnelText(a, b, remote_networks=networks)
    gateways = gatewright(world, "A", str(text)), gatewright(world, "B", str(text.mirrored()))
    start(*gateways)
    assert gateways[0].up(TUNNEL).result == "up"
    return gateways


def blocked(gateway: Gateway, direction: str) -> int:
    return sum(g.packets for g in gateway.status().guards if g.direction == direction)


def wait(predicate: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def inside(world: World, name: str = "inside") -> Capture:
    path: Path = world.directory / f"{name}.pcap"
    return Capture(world.host_a, "eth0", path, (*world.ipv4.protected, *world.ipv6.protected))


def test_what_was_decrypted_does_not_leave_when_the_way_home_is_gone(world: World) -> None:
    """The default route leads to the Internet, and takes what the internal network lost."""
    a, _ = joined(world)
    with world.capture() as capture, Pinger(world.host_b, world.ipv4.a.host) as pinger:
        world.gateway_a.ip("link set lan down")
        pinger.send()
        wait(lambda: blocked(a, "out") == 1, "not counted")
        world.gateway_a.ip("addr del 192.168.10.1/24 dev lan")
        pinger.send()
        wait(lambda: blocked(a, "out") == 2, "not counted")
    assert capture.tally.sealed, capture.tally.complaint


@pytest.mark.parametrize("everything", [False, True], ids=["no address there", "everything"])
def test_errors_about_decrypted_packets_do_not_leave_in_clear(
    world: World, everything: bool
) -> None:
    """They come from the gateway's external address, which the policy does not protect."""
    if not everything:
        world.gateway_a.ip(
            "addr del 192.168.10.1/24 dev lan",
            "addr add 172.30.0.1/24 dev lan",
            "route add 192.168.10.0/24 via 172.30.0.2",
        )
    a, _ = joined(world, everything=everything)
    with world.capture() as capture, Pinger(world.host_b, "192.168.10.77") as pinger:
        pinger.send()
        wait(lambda: blocked(a, "out") == 1, "no error, or not counted")
    assert capture.tally.sealed, capture.tally.complaint
    assert capture.tally.counts[Kind.ICMP] == 0


def test_errors_from_the_internet_about_protected_packets_are_not_let_in(world: World) -> None:
    """Nobody on the Internet has seen such a packet; about others they pass."""
    a = gatewright(world, "A")
    start(a)
    v4, v6 = world.ipv4, world.ipv6
    a.write(
        str(
            TunnelText(
                *sides_of(v4, "A"),
                networks=[v4.a.network, v6.a.network],
                remote_networks=[v4.b.network, v6.b.network],
            )
        ),
        {},
    )
    a.assign()
    with inside(world):
        injector = Injector(world)
        for there in (v4.b.host, v4.internet):
            quoted = IP(src=v4.a.host, dst=there) / UDP(sport=1, dport=2)
            injector.send(IP(src=v4.internet, dst=v4.a.host) / ICMP(type=3, code=1) / quoted)
        for there in (v6.b.host, v6.internet):
            inner = IPv6(src=v6.a.host, dst=there) / UDP(sport=1, dport=2)
            injector.send(IPv6(src=v6.internet, dst=v6.a.host) / ICMPv6DestUnreach() / inner)
        wait(lambda: blocked(a, "in") == 2, "let in, or not counted")
    found = (world.directory / "inside.pcap").read_bytes()
    assert IPv4Address(v4.internet).packed in found
    for there in (v4.b.host, v6.b.host):
        assert ip_address(there).packed not in found


def test_home_traffic_has_no_business_on_the_external_interface(world: World) -> None:
    """The policy names no interface: that of the endpoint is the external one."""
    a = gatewright(
        world, "A", str(TunnelText(*sides_of(world.ipv4, "A"), remote_networks=[EVERYTHING]))
    )
    start(a)
    assert ping(world.host_a, world.ipv4.a.internal).all_answered
    with inside(world) as seen:
        Injector(world).send(IP(src="192.168.10.9", dst=world.ipv4.a.host) / UDP() / b"x")
        wait(lambda: blocked(a, "in") == 1, "let in, or not counted")
    assert seen.tally.counts[Kind.CLEAR] == 0


def test_address_translation_lets_nothing_in_that_is_protected(world: World) -> None:
    """A connection from before the policy, and a forwarded port."""
    world.gateway_a.run(["nft", "-f", "-"], stdin=NAT_OF_THE_USER)
    v4 = world.ipv4
    with Pinger(world.host_a, v4.b.host) as pinger:
        pinger.send()
        assert pinger.receive(5) is not None
        a = gatewright(world, "A")
        start(a)
        injector = Injector(world)
        packet = bytes(IP(src=v4.b.host, dst=v4.a.external) / ICMP(type=0) / bytes(56))
        reply = IP(packet)
        reply[ICMP].id, reply[ICMP].seq, reply[ICMP].chksum = pinger.identifier, 1, None
        with inside(world) as seen:
            injector.send(reply)
            injector.send(IP(src=v4.b.host, dst=v4.a.external) / TCP(dport=8080))
            wait(lambda: blocked(a, "in") == 2, "let in, or not counted")
    assert seen.tally.counts[Kind.CLEAR] == 0


def test_guards_that_somebody_emptied_are_filled_again(world: World) -> None:
    a = gatewright(world, "A")
    start(a)
    listing = ["nft", "-s", "list", "table", "inet", "gatewright"]
    before = world.gateway_a.run(listing)
    for harm in (["flush", "table"], ["flush", "chain"], ["delete", "table"]):
        chain = ["inbound"] if harm[1] == "chain" else []
        world.gateway_a.run(["nft", *harm, "inet", "gatewright", *chain])
        wait(lambda: world.gateway_a.run(["nft", "list", "tables"]) != "", "no table")
        wait(lambda: world.gateway_a.run(listing) == before, f"after {harm}")


def test_a_tun_device_that_was_set_down_serves_again(world: World) -> None:
    joined(world)
    for state in ("down", "down"):
        world.gateway_a.ip(f"link set gatewright0 {state}")
        wait(
            lambda: ping(world.host_a, world.ipv4.b.host, timeout=0.3).all_answered,
            "the routes of the device did not come back",
        )
