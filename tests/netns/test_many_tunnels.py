"""Guards and steering of a policy with thousands of entries: exact, packet by packet."""

from __future__ import annotations

import os
import random
import select
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6

from gatewright.host.linux import LinuxHost
from gatewright.lab.world import World
from gatewright.policy.compiled import Action, CompiledPolicy
from gatewright.policy.order import most_specific_first
from tests.netns.test_host import TUN, Machine, tun
from tests.support.injection import Injector
from tests.support.policies import entry, policy, selector

pytestmark = pytest.mark.netns

BRANCHES = 1200  # of each IP version
SAMPLE = 12


@dataclass(frozen=True, slots=True)
class Scene:
    """The policy, with what becomes of packets to some addresses from host A."""

    policy: CompiledPolicy
    protected: dict[str, int]  # address: number of the SPD entry
    permitted: tuple[str, ...]


def scene(world: World) -> Scene:
    here, here6 = world.ipv4.a.network, world.ipv6.a.network
    entries = [
        entry(10_000 + each, here, f"10.{100 + (each >> 8)}.{each & 255}.0/24")
        for each in range(BRANCHES)
    ]
    entries += [entry(20_000 + each, here6, f"fd00:{each:x}::/48") for each in range(BRANCHES)]
    entries += [
        entry(30_000 + each, selector(here), selector(f"10.100.{each}.9/32"), Action.BYPASS)
        for each in range(20)
    ]
    # Another local network: its tunnels are not those of host A.
    entries += [entry(40_000 + each, "172.30.0.0/24", f"10.{each}.0.0/16") for each in range(90)]
    chosen = random.Random(4).sample(range(30, BRANCHES), SAMPLE)
    protected = {f"10.{100 + (each >> 8)}.{each & 255}.7": 10_000 + each for each in chosen}
    protected |= {f"fd00:{each:x}::7": 20_000 + each for each in chosen}
    protected |= {"10.100.0.7": 10_000, f"fd00:{BRANCHES - 1:x}::7": 20_000 + BRANCHES - 1}
    outside = ("10.7.0.7", "10.99.255.7", "10.110.0.7", "fd01::7", f"fd00:{BRANCHES:x}::7")
    return Scene(
        policy(*most_specific_first(entries), internal="lan", external="wan"),
        protected,
        ("10.100.0.9", "10.100.19.9", *outside),
    )


@pytest.fixture
def machine(world: World, tmp_path: Path) -> Machine:
    world.host_a.run(["ip", "-6", "route", "replace", "default", "via", "2001:db8:a::1"])
    world.gateway_a.run(["ip", "-6", "route", "replace", "default", "via", "2001:db8:113::2"])
    return Machine(world, tmp_path / "state")


def send(world: World, addresses: Iterable[str]) -> None:
    """A datagram from host A to each."""

    def sockets() -> tuple[socket.socket, socket.socket]:
        kinds = (socket.AF_INET, socket.AF_INET6)
        one, other = (socket.socket(kind, socket.SOCK_DGRAM) for kind in kinds)
        return one, other

    v4, v6 = world.host_a.call(sockets)
    with v4, v6:
        for address in addresses:
            (v6 if ":" in address else v4).sendto(b"hello", (address, 9))


def wait(predicate: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def destinations(device: int) -> set[str]:
    """Of all packets that wait in the TUN device."""
    found = set()
    while select.select([device], [], [], 0)[0]:
        packet = os.read(device, 65535)
        where = slice(16, 20) if packet[0] >> 4 == 4 else slice(24, 40)
        found.add(str(ip_address(packet[where])))
    return found


def test_exactly_the_protected_packets_go_to_the_tun_device(world: World, machine: Machine) -> None:
    wanted = scene(world)
    with tun(world) as device, world.capture() as capture:
        machine.assign(wanted.policy)
        send(world, [*wanted.protected, *wanted.permitted])
        seen = Path(capture.path)
        assert wait(lambda: contains(seen, wanted.permitted))
        assert destinations(device) == set(wanted.protected)


def test_without_steering_the_guards_stop_them_one_by_one(world: World, machine: Machine) -> None:
    wanted = scene(world)
    with tun(world):
        machine.assign(wanted.policy)
    world.gateway_a.ip(f"link del {TUN}")
    for version in ("-4", "-6"):
        world.gateway_a.run(["ip", version, "rule", "flush"])
        world.gateway_a.run(["ip", version, "rule", "add", "from", "all", "lookup", "main"])
    with world.capture() as capture:
        send(world, [*wanted.protected, *wanted.permitted])
        seen = Path(capture.path)
        assert wait(lambda: contains(seen, wanted.permitted))
    assert not [each for each in wanted.protected if contains(seen, [each])]
    assert blocked(machine) == {f"protect_out_{number}": 1 for number in wanted.protected.values()}


def test_what_arrives_in_clear_is_counted_for_its_tunnel(world: World, machine: Machine) -> None:
    wanted = scene(world)
    v4, v6 = world.ipv4, world.ipv6
    with tun(world):
        machine.assign(wanted.policy)
        injector = Injector(world)
        for address in (*wanted.protected, *wanted.permitted):
            if ":" in address:
                injector.send(IPv6(src=address, dst=v6.a.host) / UDP(dport=9))
                inner = IPv6(src=v6.a.host, dst=address) / UDP(dport=9)
                injector.send(IPv6(src=v6.internet, dst=v6.a.host) / ICMPv6DestUnreach() / inner)
            else:
                injector.send(IP(src=address, dst=v4.a.host) / UDP(dport=9))
                inner = IP(src=v4.a.host, dst=address) / UDP(dport=9)
                injector.send(IP(src=v4.internet, dst=v4.a.host) / ICMP(type=3, code=1) / inner)
        expected = {f"protect_in_{number}": 1 for number in wanted.protected.values()}
        expected["protect_in_errors"] = len(wanted.protected)
        wait(lambda: blocked(machine) == expected)
        assert blocked(machine) == expected


def test_one_tunnel_more_or_less_leaves_the_others_as_they_are(
    world: World, machine: Machine
) -> None:
    wanted = scene(world)
    spd = wanted.policy.spd
    with tun(world):
        machine.assign(wanted.policy)
        before = set(machine.picture().splitlines())
        assert machine.call(lambda host: _stands(host, wanted.policy))
        machine.assign(policy(*spd[:100], *spd[101:], internal="lan", external="wan"))
        gone = before - set(machine.picture().splitlines())
        assert 0 < len(gone) < 10
        machine.assign(wanted.policy)
        assert set(machine.picture().splitlines()) == before


def _stands(host: LinuxHost, wanted: CompiledPolicy) -> bool:
    host.install_guards(wanted)
    return host.guards_stand(wanted)


def blocked(machine: Machine) -> dict[str, int]:
    counted = machine.call(lambda host: host.guard_counters())
    return {name: packets for name, packets in counted.items() if packets}


def contains(capture: Path, addresses: Iterable[str]) -> bool:
    octets = capture.read_bytes()
    return all(ip_address(each).packed in octets for each in addresses)
