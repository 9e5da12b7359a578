"""Any traffic through two engines, octet for octet, over links of every size, with and without each
fast path."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Sequence

import pytest

from gatewright.dataplane.fast_paths import SWITCHES
from gatewright.ipsec.association import Encapsulation
from gatewright.lab.namespace import Namespace
from gatewright.lab.traffic import ping
from gatewright.lab.world import World
from tests.support.engines import Pair

pytestmark = pytest.mark.netns

SOL_UDP = 17
UDP_SEGMENT = 103
PATIENCE = 5.0
STREAM = 1_000_000
EDGES = (0, 1, 7, 8, 512, 1172, 1232, 1398, 1410, 1438, 1472, 2000, 4000, 8972)
"""Sizes of UDP payloads, some about what just fits."""

Way = tuple[Namespace, Namespace, str]


def ways(world: World) -> list[Way]:
    """From which host to which, and the address there."""
    return [
        (world.host_a, world.host_b, world.ipv4.b.host),
        (world.host_b, world.host_a, world.ipv6.a.host),
    ]


def set_mtu(world: World, mtu: int) -> None:
    """Of all links.  Less than 1500 on the Internet alone: hosts do not know of it."""
    for namespace, devices in (
        (world.host_a, ["eth0"]),
        (world.host_b, ["eth0"]),
        (world.gateway_a, ["lan"]),
        (world.gateway_b, ["lan"]),
    ):
        namespace.ip(*(f"link set {each} mtu {max(mtu, 1500)}" for each in devices))
    world.internet.ip(*(f"link set {each} mtu {mtu}" for each in ("toA", "toB", "segment")))
    for gateway in (world.gateway_a, world.gateway_b):
        gateway.ip(f"link set wan mtu {mtu}")


def sockets(way: Way, kind: socket.SocketKind) -> tuple[socket.socket, socket.socket]:
    """A sending and a receiving socket; a stream's are connected."""
    sender, receiver, address = way
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def bound() -> socket.socket:
        one = socket.socket(family, kind)
        one.bind((address, 0))
        one.settimeout(PATIENCE)
        if kind is socket.SOCK_STREAM:
            one.listen()
        return one

    there = receiver.call(bound)

    def connected() -> socket.socket:
        one = socket.socket(family, kind)
        one.settimeout(PATIENCE)
        one.connect(there.getsockname()[:2])
        return one

    here = sender.call(connected)
    if kind is socket.SOCK_STREAM:
        listener, (there, _) = there, there.accept()
        listener.close()
        there.settimeout(PATIENCE)
    return here, there


def datagrams_of_every_size(way: Way, chance: random.Random) -> None:
    """One after the other.  One too large for an IPv6 path is lost, and its sender told: it comes
    through when it is sent again."""
    here, there = sockets(way, socket.SOCK_DGRAM)
    there.settimeout(0.25)
    with here, there:
        for size in [*EDGES, *(chance.randrange(9000) for _ in range(15))]:
            content = chance.randbytes(size)
            for _ in range(4):
                try:
                    here.send(content)
                    received = there.recv(65_535)
                    break
                except (TimeoutError, OSError):
                    continue
            else:
                raise AssertionError(f"a datagram of {size} octets never came")
            assert received == content


def datagrams_in_bursts(way: Way, chance: random.Random) -> None:
    """Cut by the sender's kernel, handed over in one piece: they arrive one by one, in order."""
    here, there = sockets(way, socket.SOCK_DGRAM)
    with here, there:
        for size in (1000, 300, 17):
            content = chance.randbytes(size * 40 + 5)
            here.setsockopt(SOL_UDP, UDP_SEGMENT, size)
            here.send(content)
            received = [there.recv(65_535) for _ in range(41)]
            assert [len(each) for each in received] == [size] * 40 + [5]
            assert b"".join(received) == content


def stream(way: Way, chance: random.Random) -> None:
    """Both ways at once, in writes of any size."""
    here, there = sockets(way, socket.SOCK_STREAM)
    contents = {here: chance.randbytes(STREAM), there: chance.randbytes(STREAM)}
    sizes = [chance.choice((1, 100, 1400, 20_000, 100_000)) for _ in range(200)]

    def send(one: socket.socket) -> None:
        rest = memoryview(contents[one])
        for size in sizes:
            one.sendall(rest[:size])
            rest = rest[size:]
        one.sendall(rest)
        one.shutdown(socket.SHUT_WR)

    received: dict[socket.socket, bytes] = {}

    def receive(one: socket.socket) -> None:
        parts = []
        while part := one.recv(1 << 16):
            parts.append(part)
        received[one] = b"".join(parts)

    work: list[tuple[Callable[[socket.socket], None], socket.socket]]
    work = [(send, here), (send, there), (receive, here), (receive, there)]
    threads = [threading.Thread(target=run, args=(one,)) for run, one in work]
    with here, there:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert received.get(here) == contents[there]
    assert received.get(there) == contents[here]


def mix(pair: Pair, seed: int) -> None:
    chance = random.Random(seed)
    for way in ways(pair.world):
        sender, _, address = way
        stream(way, chance)
        datagrams_of_every_size(way, chance)
        datagrams_in_bursts(way, chance)
        assert ping(sender, address, 2, payload=chance.randrange(1000)).all_answered


def drops(pair: Pair) -> set[str]:
    return {*pair.a.drops(), *pair.b.drops()}


@pytest.mark.parametrize("mtu", [1280, 1500, 9000])
@pytest.mark.parametrize("without", [(), SWITCHES], ids=["offload", "plain"])
def test_every_octet_arrives_over_links_of_every_size(
    world: World, mtu: int, without: Sequence[str]
) -> None:
    set_mtu(world, mtu)
    pair = Pair(world, without=without, mtu=max(mtu, 1500))
    try:
        for number, encapsulation in enumerate(Encapsulation):
            sa = pair.sa(encapsulation=encapsulation, number=number)
            pair.connect(sa)
            mix(pair, seed=mtu + number)
            pair.disconnect(sa)
        assert drops(pair) <= {"drop_too_big", "drop_send_too_big", "drop_no_policy"}
    finally:
        pair.close()


@pytest.mark.parametrize("switch", SWITCHES)
def test_each_fast_path_can_be_done_without(world: World, switch: str) -> None:
    pair = Pair(world, without=[switch])
    try:
        standing = {path.name: path for path in pair.a.engine.state().fast_paths}
        assert standing[switch].state == "off"
        assert standing[switch].why == "switched off by a setting"
        for number, encapsulation in enumerate(Encapsulation):
            sa = pair.sa(encapsulation=encapsulation, number=number, outer=6)
            pair.connect(sa)
            mix(pair, seed=number)
            pair.disconnect(sa)
    finally:
        pair.close()


def test_connections_begin_with_segments_that_fit(world: World) -> None:
    """No segment of a connection is too large, so that it works without any ICMP."""
    pair = Pair(world)
    try:
        pair.connect(pair.sa())
        for way in ways(world):
            stream(way, random.Random(1))
        counters = [gateway.engine.counters() for gateway in (pair.a, pair.b)]
        assert [each["icmp_too_big_sent"] for each in counters] == [0, 0]
        assert all(each["mss_clamped"] > 0 for each in counters)
    finally:
        pair.close()
