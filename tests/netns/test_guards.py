"""The guards in a real kernel: each kind of packet that is exempt, and its neighbours that are not.

Everything is protected here, so that what is not exempt is dropped and counted.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6ND_NS,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrFragment,
)
from scapy.packet import Packet

from gatewright.host.names import HostNames
from gatewright.lab.packets import Kind
from gatewright.lab.traffic import Pinger
from gatewright.lab.world import World
from gatewright.policy.compiled import CompiledPolicy
from tests.netns.test_host import Machine, protecting, tun
from tests.support.injection import Injector
from tests.support.policies import connection, entry, policy

pytestmark = pytest.mark.netns

DSCP = 42  # of the packets that count here
MARK = HostNames().mark
HOOKS = {
    "came": (("prerouting", -310), ("output", -310)),
    "passed": (("prerouting", -290), ("postrouting", -140)),
}


def seen() -> Iterator[str]:
    """A table that counts these packets before the guards and behind them."""
    yield "add table inet seen"
    for counter, hooks in HOOKS.items():
        yield f"add counter inet seen {counter}"
        for hook, priority in hooks:
            chain = f"inet seen {counter}_{hook}"
            yield f"add chain {chain} {{ type filter hook {hook} priority {priority}; }}"
            for family in ("ip", "ip6"):
                yield f"add rule {chain} {family} dscp {DSCP} counter name {counter}"


def everything(world: World) -> CompiledPolicy:
    """With an endpoint of each IP version."""
    wanted = policy(entry(1, "0.0.0.0/0", "0.0.0.0/0"), entry(2, "::/0", "::/0"))
    ends = ((each.a.external, each.b.external) for each in (world.ipv4, world.ipv6))
    return replace(
        wanted, connections=tuple(connection(wanted.spd, ours, ours, peer) for ours, peer in ends)
    )


class Trial:
    """Sends a packet and tells whether the guards let it pass."""

    def __init__(self, world: World, machine: Machine) -> None:
        self._world, self._machine = world, machine
        world.gateway_a.run(["nft", "-f", "-"], stdin="\n".join(seen()))
        machine.call(lambda host: host.install_guards(everything(world)))
        self._injector = Injector(world)

    def arriving(self, packet: Packet) -> bool:
        return self._passes(lambda: self._injector.send(packet))

    def leaving(self, packet: Packet, mark: int = MARK) -> bool:
        return self._passes(lambda: self._world.gateway_a.call(lambda: send(packet, mark)))

    def _passes(self, act: Callable[[], None]) -> bool:
        before = self._counted()
        act()
        end = time.monotonic() + 5
        while self._counted()["came"] == before["came"]:
            assert time.monotonic() < end, "it did not come"
        return self._counted()["passed"] > before["passed"]

    def _counted(self) -> dict[str, int]:
        listing = ["nft", "-j", "list", "counters", "table", "inet", "seen"]
        found = json.loads(self._world.gateway_a.run(listing))["nftables"]
        counters = [each["counter"] for each in found if "counter" in each]
        return {each["name"]: each["packets"] for each in counters}


def send(packet: Packet, mark: int) -> None:
    family = socket.AF_INET if packet.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        with contextlib.suppress(PermissionError):  # the guards dropped it
            sock.sendto(bytes(packet), (packet.dst, 0))


@pytest.fixture
def trial(world: World, tmp_path: Path) -> Trial:
    return Trial(world, Machine(world, tmp_path / "state"))


def header(source: str, destination: str, **fields: int) -> Packet:
    if ":" in source:
        return IPv6(src=source, dst=destination, tc=DSCP << 2, **fields)
    return IP(src=source, dst=destination, tos=DSCP << 2, **fields)


def protocol(source: str, destination: str, number: int) -> Packet:
    field = {"nh": number} if ":" in source else {"proto": number}
    return header(source, destination, **field) / bytes(32)


def later_fragment(source: str, destination: str) -> Packet:
    if ":" in source:
        fragment = IPv6ExtHdrFragment(nh=17, offset=100, id=7)
        return header(source, destination) / fragment / bytes(32)
    return header(source, destination, proto=17, frag=100) / bytes(32)


@pytest.mark.parametrize("version", [4, 6])
def test_what_arrives(world: World, trial: Trial, version: int) -> None:
    sides = world.ipv4 if version == 4 else world.ipv6
    ours, peer, host = sides.a.external, sides.b.external, sides.a.host
    for port in (500, 4500):
        assert trial.arriving(header(peer, ours) / UDP(sport=port, dport=port) / b"x")
        assert not trial.arriving(header(peer, host) / UDP(sport=port, dport=port) / b"x")
    assert not trial.arriving(header(peer, ours) / UDP(sport=500, dport=501) / b"x")
    for number, passes in ((50, True), (47, False)):
        assert trial.arriving(protocol(peer, ours, number)) is passes
        assert not trial.arriving(protocol(peer, host, number))
    assert trial.arriving(later_fragment(peer, ours))
    assert not trial.arriving(later_fragment(peer, host))
    assert not trial.arriving(header(sides.b.host, host) / UDP(dport=9) / b"x")


@pytest.mark.parametrize("version", [4, 6])
def test_what_leaves(world: World, trial: Trial, version: int) -> None:
    sides = world.ipv4 if version == 4 else world.ipv6
    ours, peer, inside = sides.a.external, sides.b.external, sides.a.internal
    for port in (500, 4500):
        ike = UDP(sport=port, dport=port) / b"x"
        assert trial.leaving(header(ours, peer) / ike)
        assert not trial.leaving(header(ours, peer) / ike, mark=0)
        assert not trial.leaving(header(inside, peer) / ike)
    assert not trial.leaving(header(ours, peer) / UDP(sport=501, dport=500) / b"x")
    for number, passes in ((50, True), (51, True), (47, False)):
        assert trial.leaving(protocol(ours, peer, number)) is passes
        assert not trial.leaving(protocol(ours, peer, number), mark=0)


def test_icmp_errors(world: World, trial: Trial) -> None:
    v4 = world.ipv4
    ours, peer, host = v4.a.external, v4.b.external, v4.a.host
    about_tunnel = IP(src=ours, dst=peer, proto=50) / bytes(8)
    about_traffic = IP(src=host, dst=v4.b.host) / UDP()
    for quoted in (about_tunnel, about_traffic):
        assert trial.arriving(header(v4.internet, ours) / ICMP(type=3, code=4) / quoted)
        assert not trial.arriving(header(v4.internet, ours) / ICMP(type=11) / quoted)
        assert not trial.arriving(header(v4.internet, host) / ICMP(type=3, code=4) / quoted)
        assert not trial.leaving(header(ours, peer) / ICMP(type=3, code=1) / quoted)
    assert not trial.arriving(header(peer, ours) / ICMP())


def test_icmpv6(world: World, trial: Trial) -> None:
    v6 = world.ipv6
    ours, peer, host = v6.a.external, v6.b.external, v6.a.host
    about_tunnel = IPv6(src=ours, dst=peer, nh=50) / bytes(8)
    for error in (ICMPv6DestUnreach(), ICMPv6PacketTooBig()):
        assert trial.arriving(header(v6.internet, ours) / error / about_tunnel)
        assert not trial.arriving(header(v6.internet, host) / error / about_tunnel)
        assert not trial.leaving(header(ours, peer) / error / about_tunnel)
    assert not trial.arriving(header(peer, ours) / ICMPv6EchoRequest())
    for hops, passes in ((255, True), (254, False)):
        asks = ICMPv6ND_NS(tgt=ours)
        assert trial.arriving(header(peer, ours, hlim=hops) / asks) is passes
        assert trial.leaving(header(ours, peer, hlim=hops) / asks, mark=0) is passes


def of_before(world: World) -> Iterator[str]:
    """The table of the release before, as far as it has to do with its chains."""
    v4 = world.ipv4
    yield "delete table inet gatewright"
    yield "add table inet gatewright"
    for counter in ("protect_out_1", "protect_in_1"):
        yield f"add counter inet gatewright {counter}"
    hooks = {
        "outbound": "{ type filter hook postrouting priority -150; policy accept; }",
        "inbound": "{ type filter hook prerouting priority -300; policy accept; }",
        "passing": "{ type filter hook forward priority -150; policy accept; }",
        "untranslated": "{ type nat hook postrouting priority 50; policy accept; }",
        "errors_out": "",
        "errors_in": "",
        "of_somebody": "",
    }
    yield from (f"add chain inet gatewright {name} {hook}" for name, hook in hooks.items())
    there = f"ip saddr {v4.b.network} ip daddr {v4.a.network} counter name protect_in_1 drop"
    rules = {
        "outbound": [
            'oifname { "gatewright0", "lo" } return',
            "icmp type { 3, 4, 5, 11, 12 } jump errors_out",
            f"ip saddr {v4.a.network} ip daddr {v4.b.network} counter name protect_out_1 drop",
        ],
        "inbound": [
            'iifname { "gatewright0", "lo" } return',
            "icmp type { 3, 4, 5, 11, 12 } jump errors_in",
            there,
        ],
        "passing": ['iifname { "gatewright0", "lo" } return', there],
        "untranslated": ["rt ipsec exists snat ip to ip saddr"],
        "errors_out": ["icmp type 3 jump of_somebody"],
    }
    for chain, each in rules.items():
        yield from (f"add rule inet gatewright {chain} {rule}" for rule in each)


def test_guards_of_the_release_before_are_replaced_without_a_gap(
    world: World, tmp_path: Path
) -> None:
    machine = Machine(world, tmp_path / "state")
    former = "\n".join(of_before(world))
    listing = ["nft", "-s", "list", "table", "inet", "gatewright"]
    with tun(world), world.capture() as capture:
        machine.assign(protecting(world))
        # Without the routes the guards alone keep them from leaving.
        world.gateway_a.run(["ip", "rule", "flush"])
        world.gateway_a.run(["ip", "rule", "add", "from", "all", "lookup", "main"])
        fresh = sorted(world.gateway_a.run(listing).splitlines())
        with Pinger(world.host_a, world.ipv4.b.host) as pinger:
            for _ in range(5):
                world.gateway_a.run(["nft", "-f", "-"], stdin=former)
                for _ in range(20):
                    pinger.send()
                before = machine.call(lambda host: host.guard_counters())
                machine.call(lambda host: host.install_guards(protecting(world)))
                pinger.send()
                after = machine.call(lambda host: host.guard_counters())
                assert after["protect_out_1"] >= before["protect_out_1"] > 0
                assert sorted(world.gateway_a.run(listing).splitlines()) == fresh
    assert capture.tally.counts[Kind.CLEAR] == 0
