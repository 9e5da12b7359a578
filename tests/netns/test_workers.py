"""Two gateways with several packet threads each, four tunnels between them."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_address, ip_network
from itertools import pairwise

import pytest

from gatewright.dataplane.engine import EngineDataPlane
from gatewright.iana.algorithms import CIPHER_BY_NAME
from gatewright.ipsec.association import ChildSa, Encapsulation
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.lab.namespace import Namespace
from gatewright.lab.traffic import SteadyPings, ping
from gatewright.lab.world import IPV4, World
from gatewright.policy.compiled import Action, SpdEntry
from tests.support.scapy_esp import child_sa, reversed_sa
from tests.support.streams import numbered_datagrams, overtaken, tcp_streams

pytestmark = pytest.mark.netns

INTERFACE = "gwengine"
WORKERS = 4
NET_A = (TrafficSelector.from_network(ip_network(IPV4.a.network)),)
NETS_B = ["10.20.0.0/26", "10.20.0.64/26", "10.20.0.128/26", "10.20.0.192/26"]
HOSTS_B = ["10.20.0.2", "10.20.0.66", "10.20.0.130", "10.20.0.194"]
MEGABYTE = 1 << 20
CAP_SYS_ADMIN, CAP_BPF = 21, 39


class Tunnels:
    """Both gateways' engines, and four tunnels that differ by the network behind gateway B.

    So gateway A's kernel can tell them apart by destination, and gateway B's cannot; and all have
    one peer: some of the packets come to their owner directly, and some are handed over.
    """

    def __init__(self, world: World, engines: tuple[EngineDataPlane, EngineDataPlane]) -> None:
        self.world = world
        self.a, self.b = engines
        world.host_b.ip(*(f"addr replace {host}/24 dev eth0" for host in HOSTS_B[1:]))
        # So that all that is lost is lost by a mistake: no packet has to be told "too big".
        for host in (world.host_a, world.host_b):
            host.ip("link set eth0 mtu 1400")
        self.open(self.a, world.gateway_a, IPV4.a.external, IPV4.b.network)
        self.open(self.b, world.gateway_b, IPV4.b.external, IPV4.a.network)
        self.policies()

    def open(
        self, engine: EngineDataPlane, gateway: Namespace, own: str, other_network: str
    ) -> None:
        gateway.call(lambda: engine.open([ip_address(own)]))
        gateway.ip(f"route replace {other_network} dev {INTERFACE}")

    def policies(self) -> None:
        nets = [(TrafficSelector.from_network(ip_network(net)),) for net in NETS_B]
        for engine, sides in ((self.a, (0, 1)), (self.b, (1, 0))):
            entries = []
            for number, net in enumerate(nets, 1):
                both = (NET_A, net)
                local, remote = both[sides[0]], both[sides[1]]
                entries.append(SpdEntry(number, str(number), Action.PROTECT, local, remote))
            engine.replace_policies(entries)

    def connect(
        self, generation: int = 0, encapsulation: Encapsulation = Encapsulation.UDP
    ) -> list[ChildSa]:
        """A pair of SAs for each tunnel; gateway A's view of them."""
        pairs = []
        for number, net in enumerate(NETS_B, 1):
            remote = (TrafficSelector.from_network(ip_network(net)),)
            pair = child_sa(
                (CIPHER_BY_NAME["aes-128-gcm"], None),
                local=IPV4.a.external,
                remote=IPV4.b.external,
                encapsulation=encapsulation,
                number=generation * 16 + number,
            )
            pair = replace(pair, policy_id=number, local=NET_A, remote=remote, replay_window=64)
            theirs = replace(reversed_sa(pair), outbound_standby=generation > 0)
            self.world.gateway_b.call(lambda sa=theirs: self.b.add_sa(sa))  # type: ignore[misc]
            self.world.gateway_a.call(lambda sa=pair: self.a.add_sa(sa))  # type: ignore[misc]
            pairs.append(pair)
        return pairs

    def disconnect(self, pairs: list[ChildSa]) -> None:
        for pair in pairs:
            self.a.remove_sa(pair.spi_in)
            self.b.remove_sa(pair.spi_out)

    def drops(self) -> dict[str, int]:
        """By gateway and reason, but for what the gateways themselves send into the device."""
        return {
            f"{side} {name}": count
            for side, engine in (("a", self.a), ("b", self.b))
            for name, count in engine.counters().items()
            if count and name.startswith("drop_") and name != "drop_no_policy"
        }

    def both_ways(self, octets: int) -> None:
        """Eight streams over the four tunnels to B, and eight back."""
        world = self.world
        with ThreadPoolExecutor(2) as pool:
            there = pool.submit(tcp_streams, world.host_a, world.host_b, HOSTS_B * 2, octets)
            # Back from the address that the tunnel is for: hosts answer from where they were asked.
            back = pool.submit(
                tcp_streams, world.host_b, world.host_a, [IPV4.a.host] * 8, octets // 4
            )
            there.result()
            back.result()

    def under_way(self, pairs: list[ChildSa]) -> bool:
        """Whether one side has not opened yet what the other sealed for these SAs."""
        a = {sa.spi_in: sa for sa in self.a.sa_counters()}
        b = {sa.spi_in: sa for sa in self.b.sa_counters()}
        return any(
            a[pair.spi_in].packets_out != b[pair.spi_out].packets_in
            or b[pair.spi_out].packets_out != a[pair.spi_in].packets_in
            for pair in pairs
        )

    def check_counters(self) -> None:
        """Each side opened what the other sealed, and the sums of the SAs are the engine's."""
        for sender, receiver in ((self.a, self.b), (self.b, self.a)):
            sent = {sa.spi_in: sa for sa in sender.sa_counters()}
            for sa in receiver.sa_counters():
                theirs = sent[sa.spi_in ^ 0x30000000]
                assert (sa.packets_in, sa.bytes_in) == (theirs.packets_out, theirs.bytes_out)
                assert theirs.sequence_out == theirs.packets_out
            total = sum(sa.packets_out for sa in sent.values())
            assert sender.counters()["packets_out"] == total

    def close(self) -> None:
        for engine in (self.a, self.b):
            engine.close(remove=True)


def engine_that_may_not_steer() -> EngineDataPlane:
    """As in a container: the kernel takes no programs from it."""
    made: list[EngineDataPlane] = []

    def without_privilege() -> None:
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        data = (ctypes.c_uint32 * 6)()
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.capget(header, data) == 0
        for capability in (CAP_SYS_ADMIN, CAP_BPF):
            data[3 * (capability // 32)] &= ~(1 << capability % 32)
        assert libc.capset(header, data) == 0
        made.append(EngineDataPlane(INTERFACE, workers=WORKERS))

    # Capabilities are a thread's own.
    thread = threading.Thread(target=without_privilege)
    thread.start()
    thread.join()
    return made[0]


def few(overtaken: int, packets: int) -> bool:
    """The lab's own: a thread moves to another CPU while packets of it wait on the first.

    That nothing of ours overtakes is proved with the system in memory.
    """
    return overtaken * 500 < packets


@pytest.fixture(params=["steered", "handed over"])
def tunnels(world: World, request: pytest.FixtureRequest) -> Iterator[Tunnels]:
    if request.param == "steered":
        engines = (EngineDataPlane(INTERFACE, workers=4), EngineDataPlane(INTERFACE, workers=3))
    else:
        engines = (engine_that_may_not_steer(), engine_that_may_not_steer())
    tunnels = Tunnels(world, engines)
    yield tunnels
    tunnels.close()


def test_it_says_what_is_in_use(tunnels: Tunnels) -> None:
    features = tunnels.a.state().features
    assert features["workers"] == "4"
    if features["tun_queues"] == "4":
        assert features["steering"] == "by destination and peer"
        assert features["udp 203.0.113.1:4500"].endswith(", 4 sockets")
    else:
        assert features["tun_queues"] == "1"
        assert "sockets" not in features["udp 203.0.113.1:4500"]
        assert "Operation not permitted" in features["steering"]


@pytest.mark.parametrize("encapsulation", list(Encapsulation), ids=lambda e: e.name)
def test_streams_over_all_tunnels_lose_nothing_and_keep_their_order(
    tunnels: Tunnels, encapsulation: Encapsulation
) -> None:
    tunnels.connect(encapsulation=encapsulation)
    tunnels.both_ways(8 * MEGABYTE)
    assert tunnels.drops() == {}
    assert few(overtaken(tunnels.world.host_a) + overtaken(tunnels.world.host_b), 30_000)
    tunnels.check_counters()
    # Each SA did its part.
    assert all(sa.packets_out > 1000 for sa in tunnels.a.sa_counters())


def test_datagrams_keep_their_order(tunnels: Tunnels) -> None:
    tunnels.connect()
    world = tunnels.world
    for arrived in numbered_datagrams(world.host_a, world.host_b, HOSTS_B * 2, 3000):
        assert len(set(arrived)) == len(arrived) > 1000
        late = sum(number < before for before, number in pairwise(arrived))
        assert few(late, len(arrived))


def test_rekeys_under_load_lose_nothing(tunnels: Tunnels) -> None:
    world = tunnels.world
    pairs = [tunnels.connect()]
    with ThreadPoolExecutor(1) as pool, SteadyPings(world.host_a, HOSTS_B[2], 0.002) as pings:
        load = pool.submit(tunnels.both_ways, 16 * MEGABYTE)
        generation = 0
        while not load.done() or generation < 5:
            generation += 1
            new = tunnels.connect(generation)
            assert pings.wait_answered(20, 10)
            # Whoever was in the middle of a packet has by now looked at the tables.
            while tunnels.under_way(pairs[0]):
                assert pings.wait_answered(1, 10)
            pairs.append(new)
            if len(pairs) > 3:
                tunnels.disconnect(pairs.pop(0))
        load.result()
        pings.finish()
    assert pings.answered == pings.sent
    assert tunnels.drops() == {}


def test_another_number_of_workers_takes_the_device_over(world: World) -> None:
    def engine(workers: int) -> EngineDataPlane:
        return EngineDataPlane(INTERFACE, workers=workers)

    tunnels = Tunnels(world, (engine(4), engine(1)))
    tunnels.connect()
    for generation, workers in enumerate([1, 3, 4], 1):
        tunnels.a.close(remove=False)
        assert INTERFACE in world.gateway_a.run(["ip", "link"])
        tunnels.a = engine(workers)
        tunnels.open(tunnels.a, world.gateway_a, IPV4.a.external, IPV4.b.network)
        tunnels.policies()
        tunnels.connect(generation)
        for host in HOSTS_B:
            assert ping(world.host_a, host, 2).all_answered
        tcp_streams(world.host_a, world.host_b, HOSTS_B, MEGABYTE)
        assert tunnels.a.state().features["workers"] == str(workers)
    tunnels.close()
    assert INTERFACE not in world.gateway_a.run(["ip", "link"])
