"""Guards and steering in a real kernel: what is protected goes to the TUN device or nowhere."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from gatewright.host.linux import LinuxHost
from gatewright.host.names import HostNames
from gatewright.lab.capture import Capture
from gatewright.lab.packets import Kind
from gatewright.lab.traffic import Pinger, ping
from gatewright.lab.world import World
from gatewright.policy.compiled import Action, CompiledPolicy
from tests.support.policies import entry, policy, selector

pytestmark = pytest.mark.netns

TUNSETIFF, TUNSETPERSIST, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x400454CB, 0x0001, 0x1000
TUN = HostNames().tun
T = TypeVar("T")


@contextmanager
def tun(world: World) -> Iterator[int]:
    """Stands for the engine: holds the persistent TUN device open."""

    def make() -> int:
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(
            descriptor, TUNSETIFF, struct.pack("16sH22x", TUN.encode(), IFF_TUN | IFF_NO_PI)
        )
        fcntl.ioctl(descriptor, TUNSETPERSIST, 1)
        return descriptor

    descriptor = world.gateway_a.call(make)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def packets(descriptor: int, wanted: Callable[[bytes], bool], timeout: float = 5.0) -> bytes:
    """The first packet on the TUN device that is wanted."""
    end = time.monotonic() + timeout
    while select.select([descriptor], [], [], max(0.0, end - time.monotonic()))[0]:
        packet = os.read(descriptor, 65535)
        if wanted(packet):
            return packet
    raise AssertionError("no such packet came to the TUN device")


def is_echo_to(destination: str) -> Callable[[bytes], bool]:
    octets = socket.inet_pton(
        socket.AF_INET6 if ":" in destination else socket.AF_INET, destination
    )
    where = slice(24, 40) if ":" in destination else slice(16, 20)
    return lambda packet: packet[where] == octets


class Machine:
    """Gateway A's host part, each call made inside its namespace."""

    def __init__(self, world: World, state: Path) -> None:
        self._world = world
        self._state = state
        state.mkdir(exist_ok=True)

    def assign(self, wanted: CompiledPolicy) -> None:
        self.call(lambda host: host.install_guards(wanted))
        self.call(lambda host: host.steer(wanted))

    def call(self, do: Callable[[LinuxHost], T]) -> T:
        return self._world.gateway_a.call(lambda: do(LinuxHost(self._state)))

    def picture(self) -> str:
        """Everything that could have been changed, as text."""
        run = self._world.gateway_a.run
        parts = [
            run(["ip", "-4", "rule"]),
            run(["ip", "-6", "rule"]),
            run(["ip", "-4", "route", "show", "table", "all"]),
            run(["ip", "-6", "route", "show", "table", "all"]),
            run(["ip", "-br", "link"]),
            run(["nft", "list", "ruleset"]),
        ]
        return "\n".join(parts)


@pytest.fixture
def machine(world: World, tmp_path: Path) -> Machine:
    return Machine(world, tmp_path / "state")


def protecting(world: World) -> CompiledPolicy:
    v4, v6 = world.ipv4, world.ipv6
    return policy(
        entry(1, v4.a.network, v4.b.network),
        entry(2, v6.a.network, v6.b.network),
        internal="lan",
        external="wan",
    )


def test_protected_traffic_goes_to_the_tun_device_and_nowhere_else(
    world: World, machine: Machine
) -> None:
    with tun(world) as device, world.capture() as capture:
        machine.assign(protecting(world))
        for host in (world.ipv4.b.host, world.ipv6.b.host):
            with Pinger(world.host_a, host) as pinger:
                pinger.send()
                packets(device, is_echo_to(host))
        assert ping(world.gateway_a, world.ipv4.b.external).all_answered
    assert capture.tally.counts[Kind.CLEAR] == 0
    assert capture.tally.counts[Kind.ICMP] == 2


def test_traffic_of_the_gateway_itself_gets_an_address_of_the_local_network(
    world: World, machine: Machine
) -> None:
    with tun(world) as device, world.capture() as capture:
        machine.assign(protecting(world))
        for sides, where in ((world.ipv4, slice(12, 16)), (world.ipv6, slice(8, 24))):
            with Pinger(world.gateway_a, sides.b.host) as pinger:
                pinger.send()
                packet = packets(device, is_echo_to(sides.b.host))
            family = socket.AF_INET6 if ":" in sides.a.internal else socket.AF_INET
            assert socket.inet_ntop(family, packet[where]) == sides.a.internal
    assert capture.tally.counts[Kind.CLEAR] == 0


def test_who_binds_to_the_external_address_is_not_taken_into_the_tunnel(
    world: World, machine: Machine
) -> None:
    """The policy speaks of the local network; packets from the external address are not of it."""
    with tun(world):
        machine.assign(protecting(world))
        for sides in (world.ipv4, world.ipv6):
            route = world.gateway_a.run(
                ["ip", "route", "get", sides.b.host, "from", sides.a.external]
            )
            assert "dev wan" in route


def test_nothing_passes_in_clear_while_nobody_reads_the_tun_device(
    world: World, machine: Machine
) -> None:
    with tun(world):
        machine.assign(protecting(world))
    with world.capture() as capture:  # the engine is gone, as after SIGKILL
        assert not ping(world.host_a, world.ipv4.b.host, 2, timeout=0.3).answered
        assert not ping(world.host_a, world.ipv6.b.host, 2, timeout=0.3).answered
        world.gateway_a.ip(f"link del {TUN}")
        assert not ping(world.host_a, world.ipv4.b.host, 2, timeout=0.3).answered
        assert not ping(world.host_a, world.ipv6.b.host, 2, timeout=0.3).answered
        for version in ("-4", "-6"):
            world.gateway_a.run(["ip", version, "rule", "flush"])
            world.gateway_a.run(["ip", version, "rule", "add", "from", "all", "lookup", "main"])
        assert not ping(world.host_a, world.ipv4.b.host, 2, timeout=0.3).answered
        assert not ping(world.host_a, world.ipv6.b.host, 2, timeout=0.3).answered
    assert capture.tally.counts[Kind.CLEAR] == 0
    blocked = machine.call(lambda host: host.guard_counters())
    assert blocked["protect_out_1"] >= 2
    assert blocked["protect_out_2"] >= 2


def test_nothing_enters_in_clear(world: World, machine: Machine) -> None:
    networks = (*world.ipv4.protected, *world.ipv6.protected)
    inside = Capture(world.host_a, "eth0", world.directory / "inside.pcap", networks)
    with tun(world), inside as seen:
        assert ping(world.host_b, world.ipv4.a.host).all_answered  # what it sees without guards
        assert seen.wait_for(lambda tally: tally.counts[Kind.CLEAR] == 2, timeout=5)
        machine.assign(protecting(world))
        assert not ping(world.host_b, world.ipv4.a.host, 2, timeout=0.3).answered
        assert not ping(world.host_b, world.ipv6.a.host, 2, timeout=0.3).answered
        assert not ping(world.host_b, world.ipv4.a.internal, timeout=0.3).answered
    blocked = machine.call(lambda host: host.guard_counters())
    assert blocked["protect_in_1"] == 3
    assert blocked["protect_in_2"] == 2
    assert seen.tally.counts[Kind.CLEAR] == 2


def test_what_comes_out_of_the_tunnel_reaches_the_host(world: World, machine: Machine) -> None:
    """Also with strict reverse path filtering: the way back leads into the tunnel."""
    world.gateway_a.sysctl({"net/ipv4/conf/all/rp_filter": "1"})
    with tun(world) as device:
        machine.assign(protecting(world))
        with Pinger(world.host_a, world.ipv4.b.host) as pinger:
            sequence = pinger.send()
            request = bytearray(packets(device, is_echo_to(world.ipv4.b.host)))
            request[12:16], request[16:20] = request[16:20], request[12:16]
            request[20] = 0  # echo reply: the checksum rises by what the type falls
            old = int.from_bytes(request[22:24], "big") + 0x0800
            request[22:24] = ((old & 0xFFFF) + (old >> 16)).to_bytes(2, "big")
            os.write(device, request)
            assert pinger.receive(5) == sequence


def test_a_local_network_inside_the_remote_one_still_speaks_with_its_gateway(
    world: World, machine: Machine
) -> None:
    everything = policy(
        entry(1, world.ipv4.a.network, "0.0.0.0/0"),
        entry(2, world.ipv6.a.network, "::/0"),
        internal="lan",
        external="wan",
    )
    with tun(world) as device:
        machine.assign(everything)
        assert ping(world.host_a, world.ipv4.a.internal).all_answered
        assert ping(world.host_a, world.ipv6.a.internal).all_answered
        assert ping(world.gateway_a, world.ipv4.a.host).all_answered
        with Pinger(world.host_a, world.ipv4.internet) as pinger:
            pinger.send()
            packets(device, is_echo_to(world.ipv4.internet))


def test_ike_and_esp_of_the_gateways_pass_though_the_policy_protects_everything(
    world: World, machine: Machine
) -> None:
    """The endpoints lie inside the protected networks: what carries the tunnel must still pass."""
    v4 = world.ipv4
    with tun(world):
        machine.assign(policy(entry(1, "0.0.0.0/0", "0.0.0.0/0")))

        def bound() -> socket.socket:
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, HostNames().mark)
            opened.bind((v4.a.external, 500))
            opened.settimeout(5)
            return opened

        def peer() -> socket.socket:
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.bind((v4.b.external, 500))
            opened.settimeout(5)
            return opened

        with world.gateway_a.call(bound) as ours, world.gateway_b.call(peer) as theirs:
            ours.sendto(b"hello", (v4.b.external, 500))
            assert theirs.recv(100) == b"hello"
            theirs.sendto(b"and back", (v4.a.external, 500))
            assert ours.recv(100) == b"and back"


def test_permit_and_block_keep_their_order(world: World, machine: Machine) -> None:
    v4 = world.ipv4
    host = selector(f"{v4.b.host}/32")
    first = policy(
        entry(1, selector(v4.a.network), host, Action.BYPASS),
        entry(2, v4.a.network, v4.b.network),
    )
    with tun(world):
        machine.assign(first)
        assert ping(world.host_a, v4.b.host).all_answered
        machine.assign(policy(entry(3, selector(v4.a.network), host, Action.DISCARD)))
        assert not ping(world.host_a, v4.b.host, timeout=0.3).answered
        assert machine.call(lambda host: host.guard_counters())["discard_out_3"] == 1


def test_ports_and_fragments(world: World, machine: Machine) -> None:
    """Only UDP port 9 is protected: ICMP passes, and no fragment of UDP does."""
    v4 = world.ipv4
    only = policy(entry(1, selector(v4.a.network), selector(v4.b.network, 17, 9, 9)))
    with tun(world) as device, world.capture() as capture:
        machine.assign(only)
        assert ping(world.host_a, v4.b.host).all_answered
        sender = world.host_a.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        with sender:
            sender.sendto(b"one", (v4.b.host, 9))
            packets(device, is_echo_to(v4.b.host))
            sender.sendto(b"x" * 4000, (v4.b.host, 9))  # no rule sees the ports of a fragment
            blocked = machine.call(lambda host: host.guard_counters())
    assert capture.tally.counts[Kind.CLEAR] == 2  # the echo and its reply
    assert blocked["protect_out_1"] == 3


def test_assigning_again_changes_nothing_and_keeps_the_counters(
    world: World, machine: Machine
) -> None:
    with tun(world):
        machine.assign(protecting(world))
        assert not ping(world.host_b, world.ipv4.a.host, timeout=0.2).answered
        before = machine.picture()
        machine.assign(protecting(world))
        assert machine.picture() == before
        assert machine.call(lambda host: host.guard_counters())["protect_in_1"] == 1


def test_an_address_that_was_lost_and_came_back_is_used_again(
    world: World, machine: Machine
) -> None:
    with tun(world):
        machine.assign(protecting(world))
        before = machine.picture()
        world.gateway_a.ip(
            f"addr del {world.ipv4.a.internal}/24 dev lan",
            f"addr add {world.ipv4.a.internal}/24 dev lan",
        )
        machine.assign(protecting(world))
        assert sorted(machine.picture().splitlines()) == sorted(before.splitlines())


def test_removal_leaves_the_machine_as_it_was(world: World, machine: Machine) -> None:
    world.gateway_a.ip(
        "rule add priority 6000 from 192.0.2.0/24 lookup main",
        "route add 192.0.2.0/24 dev lan table 4757",
    )
    world.gateway_a.run(["nft", "add table inet gatewright_not_ours"])
    world.gateway_a.sysctl({"net/ipv4/ip_forward": "0"})
    before = machine.picture()
    with tun(world):
        machine.assign(protecting(world))
        said = machine.call(lambda host: host.forwarding(protecting(world), enable=True))
        assert any("IPv4 forwarding was off and is now on" in each for each in said)
        assert machine.picture() != before
        machine.call(lambda host: host.remove())
    assert machine.picture() == before
    assert world.gateway_a.run(["cat", "/proc/sys/net/ipv4/ip_forward"]) == "0\n"
    machine.call(lambda host: host.remove())
    assert machine.picture() == before


def test_guards_come_back_after_a_boot(world: World, machine: Machine) -> None:
    with tun(world):
        machine.assign(protecting(world))
    before = world.gateway_a.run(["nft", "list", "ruleset"])
    world.gateway_a.run(["nft", "flush", "ruleset"])
    assert machine.call(lambda host: host.restore_guards())
    assert world.gateway_a.run(["nft", "list", "ruleset"]) == before
    assert not machine.call(lambda host: host.restore_guards())


def test_the_guards_are_replaced_without_a_gap(world: World, machine: Machine) -> None:
    """While policies change, one packet after the other tries to slip through."""
    v4 = world.ipv4
    with tun(world), world.capture() as capture, Pinger(world.host_a, v4.b.host) as pinger:
        machine.assign(protecting(world))
        for number in range(20):
            for _ in range(20):
                pinger.send()
            machine.assign(
                policy(
                    entry(number + 10, "192.0.2.0/24", f"198.51.{number}.0/24"),
                    entry(1, v4.a.network, v4.b.network),
                )
            )
    assert capture.tally.counts[Kind.CLEAR] == 0
