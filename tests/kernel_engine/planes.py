"""Two of the kernel's data planes in two namespaces, keyed by hand: a program for a guest.

Prints a line of JSON for each case: its name, whether it holds, and what was seen.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network

from gatewright.dataplane.interface import Acquire, Event, PeerMoved, SaExpiring
from gatewright.dataplane.kernel.plane import KernelDataPlane
from gatewright.ipsec.association import ChildSa, Encapsulation, Transport
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.lab.namespace import Namespace, run_ip
from gatewright.policy.compiled import Action, SpdEntry
from tests.support.scapy_esp import EVERY_ALGORITHM, algorithm_name, child_sa, reversed_sa

NAMES = "planeA", "planeB"
GATEWAYS = ip_address("203.0.113.1"), ip_address("203.0.113.2")
ELSEWHERE = ip_address("203.0.113.3")
HOSTS = ("10.1.0.1", "10.2.0.1"), ("fd00:1::1", "fd00:2::1")
LOCAL, REMOTE = (
    tuple(TrafficSelector.from_network(ip_network(each)) for each in side)
    for side in (("10.1.0.0/24", "fd00:1::/64"), ("10.2.0.0/24", "fd00:2::/64"))
)
SETTINGS = "net.core.xfrm_larval_drop=0"


def build() -> None:
    for name in NAMES:
        run_ip([f"netns add {name}"])
    run_ip([f"link add out netns {NAMES[0]} type veth peer name out netns {NAMES[1]}"])
    for side, name in enumerate(NAMES):
        lines = [f"addr add {GATEWAYS[side]}/24 dev out"]
        lines += [f"addr add {ELSEWHERE}/24 dev out"] if side else []
        lines += [f"addr add {hosts[side]} dev lo" for hosts in HOSTS]
        lines += ["link set lo up", "link set out up"]
        lines += [f"route add default via {GATEWAYS[1 - side]} src {HOSTS[0][side]}"]
        lines += [f"route add {HOSTS[1][1 - side]} dev out src {HOSTS[1][side]}"]
        run_ip(lines, name)
        inside(name, ["sysctl", "-qw", SETTINGS])


def inside(name: str, command: Sequence[str]) -> str:
    line = ["nsenter", f"--net=/run/netns/{name}", "--", *command]
    return subprocess.run(line, capture_output=True, text=True, check=False).stdout


def answered(name: str, destination: str, count: int = 2, size: int = 56) -> int:
    command = f"ping -q -c {count} -i 0.05 -W 1 -s {size} {destination}"
    words = inside(name, command.split()).split()
    return int(words[words.index("received,") - 1]) if "received," in words else 0


class Side:
    """A data plane in its namespace."""

    def __init__(self, side: int) -> None:
        self.name = NAMES[side]
        self.namespace = Namespace(self.name)
        ends = (LOCAL, REMOTE, GATEWAYS) if side == 0 else (REMOTE, LOCAL, GATEWAYS[::-1])
        entry = SpdEntry(1, "e", Action.PROTECT, ends[0], ends[1], "t", "c", ends[2])
        self.plane = self.namespace.call(lambda: KernelDataPlane("gw0", mark=0x4757))
        addresses = [GATEWAYS[side], *([ELSEWHERE] if side else [])]
        self.namespace.call(lambda: self.plane.open(addresses))
        self.plane.replace_policies([entry])

    def events(self, timeout: float = 2.0) -> list[Event]:
        """What comes until nothing more does for a moment."""
        found: list[Event] = []
        while select.select([self.plane.event_fd()], [], [], timeout)[0]:
            found += self.plane.poll_events()
            timeout = 0.2
        return found

    def close(self) -> str:
        self.plane.close(remove=True)
        commands = (["ip", "xfrm", "state"], ["ip", "xfrm", "policy"])
        return "".join(inside(self.name, each) for each in commands)


def pair(number: int, algorithm: int = 0, **changes: object) -> ChildSa:
    sa = child_sa(EVERY_ALGORITHM[algorithm], encapsulation=Encapsulation.UDP, number=number)
    return replace(sa, local=LOCAL, remote=REMOTE, **changes)  # type: ignore[arg-type]


def first_packet(a: Side, b: Side) -> object:
    sa = pair(1)
    command = ["nsenter", f"--net=/run/netns/{a.name}", "ping", "-q", "-c1", "-W5", HOSTS[0][1]]
    waiting = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    asked = a.events(5)
    b.plane.add_sa(reversed_sa(sa))
    a.plane.add_sa(sa)
    said, _ = waiting.communicate()
    assert len(asked) == 1, asked
    assert isinstance(asked[0], Acquire)
    assert " 1 received" in said, said
    return asked


def peer_moves(a: Side, b: Side) -> object:
    sa = pair(2)
    a.plane.add_sa(sa)
    there = reversed_sa(sa)
    b.plane.add_sa(replace(there, transport=replace(there.transport, local=ELSEWHERE)))
    answered(b.name, HOSTS[0][0], 1)
    told = a.events()
    assert told == [PeerMoved(sa.spi_in, ELSEWHERE, 4500)], told
    a.plane.move_sa(sa.spi_in, ELSEWHERE, 4500)
    assert answered(b.name, HOSTS[0][0], 3) == 3
    assert answered(a.name, HOSTS[0][1], 3) == 3
    assert a.events(0.3) == []
    return told


def octet_limits(a: Side, b: Side) -> object:
    sa = pair(3, byte_soft_limit=1000, byte_limit=3000)
    b.plane.add_sa(reversed_sa(replace(sa, byte_soft_limit=0, byte_limit=0)))
    a.plane.add_sa(sa)
    answered(a.name, HOSTS[0][1], 30, 150)
    told = [each for each in a.events() if isinstance(each, SaExpiring)]
    assert [each.hard for each in told] == sorted(each.hard for each in told)
    assert {each.hard for each in told} == {False, True}
    assert {each.reason for each in told} == {"bytes"}
    return told


def standby(a: Side, b: Side) -> object:
    old, new = pair(4), pair(5)
    a.plane.add_sa(old)
    b.plane.add_sa(reversed_sa(old))
    b.plane.add_sa(replace(reversed_sa(new), outbound_standby=True))
    assert answered(b.name, HOSTS[0][0]) == 2
    a.plane.add_sa(new)
    assert answered(a.name, HOSTS[0][1]) == 2
    b.events(1)
    a.plane.remove_sa(old.spi_in)
    b.plane.remove_sa(old.spi_out)
    assert answered(a.name, HOSTS[0][1], 3) == 3
    (counters,) = b.plane.sa_counters()
    assert counters.outbound_active
    assert counters.packets_out >= 3
    return counters


def narrowed(a: Side, b: Side) -> object:
    """What is outside the negotiated selectors is dropped, and asks for an SA of its own."""
    sa = pair(6)
    only = (TrafficSelector.from_network(ip_network("10.2.0.9/32")),)
    b.plane.add_sa(reversed_sa(sa))
    a.plane.add_sa(replace(sa, local=LOCAL[:1], remote=only))
    assert answered(b.name, HOSTS[0][0], 1) == 0
    assert a.plane.sa_counters()[0].packets_in == 1
    answered(a.name, HOSTS[0][1], 1)
    asked = a.events()
    assert [each.policy_id for each in asked if isinstance(each, Acquire)] == [1]
    a.plane.acquire_failed(1)
    assert "spi 0x00000000" not in inside(a.name, ["ip", "xfrm", "state"])
    return asked


def algorithm(number: int, encapsulation: Encapsulation, esn: bool) -> Callable[..., object]:
    def carries(a: Side, b: Side) -> object:
        sa = pair(100 + number, number, esn=esn)
        udp = encapsulation is Encapsulation.UDP
        port = 4500 if udp else 0
        sa = replace(sa, transport=Transport(*GATEWAYS, encapsulation, port, port))
        b.plane.add_sa(reversed_sa(sa))
        a.plane.add_sa(sa)
        got = [answered(a.name, hosts[1], 1) for hosts in HOSTS]
        assert got == [1, 1], got
        (counters,) = a.plane.sa_counters()
        assert (counters.packets_in, counters.packets_out) == (2, 2)
        return counters

    return carries


CASES: dict[str, Callable[[Side, Side], object]] = {
    each.__name__: each for each in (first_packet, peer_moves, octet_limits, standby, narrowed)
}
CASES |= {
    f"{algorithm_name(each)} {how.value}{' esn' if esn else ''}": algorithm(number, how, esn)
    for number, each in enumerate(EVERY_ALGORITHM)
    for how in Encapsulation
    for esn in (False, True)
    if how is Encapsulation.PROTOCOL_50 or each[1] is None
}


def main(wanted: Sequence[str]) -> None:
    try:
        build()
        for name in wanted:
            a, b = Side(0), Side(1)
            start = time.monotonic()
            try:
                held, seen = True, str(CASES[name](a, b))
            except AssertionError as error:
                held, seen = False, f"line {error.__traceback__.tb_next.tb_lineno}: {error}"  # type: ignore[union-attr]
            left = a.close() + b.close()
            took = round(time.monotonic() - start, 2)
            sys.stdout.write(json.dumps([name, held and not left, left or seen, took]) + "\n")
            sys.stdout.flush()
    finally:
        for name in NAMES:
            run_ip([f"netns delete {name}"])


if __name__ == "__main__":
    main(sys.argv[1:] or list(CASES))
