"""Whatever a stranger sends to the gateway is counted, by name, and the tunnel does not notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.ipsec import ESP
from scapy.packet import Packet, Raw
from scapy.utils import rdpcap

from gatewright.control.models import ChildSa, Status
from gatewright.ike.limits import Limits
from gatewright.lab.gateway import Gateway
from gatewright.lab.policies import TUNNEL
from gatewright.lab.traffic import SteadyPings, ping
from gatewright.lab.world import World
from tests.support.injection import Injector
from tests.support.running import associations, gatewright

pytestmark = pytest.mark.netns

RANDOM = Random(4757)  # the same octets every time
NON_ESP_MARKER = bytes(4)
IKE_PORTS = {"sport": 500, "dport": 500}
NAT_PORTS = {"sport": 4500, "dport": 4500}
IKE_SA_INIT = b"\x22"
GOES_WELL = {"ike_sas_established", "child_sas_established", "sessions", "half_open"}
SA_INIT_HEADER = bytes.fromhex("0123456789abcdef 0000000000000000 21 20 22 08 00000000")


@dataclass(frozen=True, slots=True)
class Attacked:
    """A tunnel that is up, traffic in it, and somebody on the path."""

    world: World
    ours: Gateway
    injector: Injector
    pings: SteadyPings

    def stranger(self) -> Packet:
        return IP(src=self.world.ipv4.internet, dst=self.world.ipv4.a.external)

    def peer(self) -> Packet:
        """What pretends to come from the other gateway."""
        return IP(src=self.world.ipv4.b.external, dst=self.world.ipv4.a.external)

    def child(self) -> ChildSa:
        return associations(self.ours.status()).child


@pytest.fixture(scope="module")
def attacked(new_world: Callable[..., World]) -> Iterator[Attacked]:
    world = new_world()
    ours, theirs = gatewright(world, "A"), gatewright(world, "B")
    for gateway in (ours, theirs):
        gateway.start()
    for gateway in (ours, theirs):
        gateway.wait_ready()
    with world.capture("negotiation"):
        assert ours.up(TUNNEL).result == "up"
    with SteadyPings(world.host_a, world.ipv4.b.host) as pings:
        yield Attacked(world, ours, Injector(world), pings)


@pytest.fixture(autouse=True)
def undisturbed(attacked: Attacked) -> Iterator[None]:
    """Around each test: same SAs, every ping answered, no traceback, no state left."""
    before = attacked.ours.status()
    lost = attacked.pings.sent - attacked.pings.answered
    yield
    assert attacked.pings.wait_answered(20, timeout=10)
    after = attacked.ours.status()
    assert ike_spis(after) == ike_spis(before)
    assert associations(after).child.spi_in == associations(before).child.spi_in
    assert attacked.pings.sent - attacked.pings.answered <= lost + 1  # one may be on its way
    assert after.daemon_counters.get("internal_errors", 0) == 0
    assert "Traceback" not in attacked.ours.log.read_text()


def ike_spis(status: Status) -> list[tuple[str, str]]:
    return [
        (sa.spi_i, sa.spi_r)
        for each in status.tunnels
        for sa in each.ike_sas
        if sa.state == "established"
    ]


def counters(status: Status) -> Counter[str]:
    """Every counter of a refusal: IKE's, and the engine's drops."""
    plane = status.data_plane
    assert plane is not None
    drops = {name: count for name, count in plane.counters.items() if name.startswith("drop_")}
    ike = {name: count for name, count in status.ike_counters.items() if name not in GOES_WELL}
    return Counter(ike) + Counter(drops)


def counted(attacked: Attacked, packets: list[Packet]) -> Counter[str]:
    """Send the packets; by which names they were refused, once all have been."""
    before = counters(attacked.ours.status())
    for packet in packets:
        attacked.injector.send(packet)

    def refused(status: Status) -> Counter[str]:
        return counters(status) - before

    status = attacked.ours.wait_status(
        lambda status: refused(status).total() >= len(packets), "done with all packets"
    )
    assert refused(status).total() == len(packets)
    return refused(status)


def test_random_octets_to_port_500(attacked: Attacked) -> None:
    lengths = [0, 1, 27, 28, 29, 100, 1400, *RANDOM.choices(range(1400), k=50)]
    packets = [
        attacked.stranger() / UDP(**IKE_PORTS) / Raw(RANDOM.randbytes(length)) for length in lengths
    ]
    names = counted(attacked, packets)
    assert set(names) <= {"header_truncated", "length_mismatch", "version"}


def test_random_octets_behind_a_true_header(attacked: Attacked) -> None:
    """Header fields are right, what follows is not: truncated, inconsistent, unknown payloads."""
    packets = []
    for length in (0, 1, 4, 40, 500, *RANDOM.choices(range(1000), k=50)):
        header = SA_INIT_HEADER + (28 + length).to_bytes(4, "big")
        body = Raw(header + RANDOM.randbytes(length))
        packets.append(attacked.stranger() / UDP(**IKE_PORTS) / body)
        packets.append(attacked.stranger() / UDP(**NAT_PORTS) / Raw(NON_ESP_MARKER) / body)
    assert counted(attacked, packets).total() == len(packets)
    status = attacked.ours.status()
    assert status.ike_counters["half_open"] == 0
    assert status.ike_counters["sessions"] == 1


def test_messages_for_the_ike_sa_that_the_peer_did_not_make(attacked: Attacked) -> None:
    """Right SPIs, wrong key: the other gateway's address does not help."""
    ((spi_i, spi_r),) = ike_spis(attacked.ours.status())
    packets = []
    for exchange in (35, 36, 37):
        for message_id in (0, 1, 2, 0xFFFFFFFF):
            body = RANDOM.randbytes(64)
            header = bytes.fromhex(spi_i) + bytes.fromhex(spi_r)
            # Next payload SK; version 2.0; flags: a request of the responder.
            header += bytes([46, 0x20, exchange, 0]) + message_id.to_bytes(4, "big")
            sealed = bytes([0, 0]) + (4 + len(body)).to_bytes(2, "big") + body
            header += (28 + len(sealed)).to_bytes(4, "big")
            packets.append(attacked.peer() / UDP(**IKE_PORTS) / Raw(header + sealed))
    assert counted(attacked, packets).total() == len(packets)


def test_esp_of_nobody(attacked: Attacked) -> None:
    packets = [
        attacked.stranger() / UDP(**NAT_PORTS) / Raw(b"\x01" + RANDOM.randbytes(length))
        for length in (1, 7, 8, 100, 1400)
    ]
    packets += [
        attacked.stranger() / Raw(b"\x01" + RANDOM.randbytes(length))
        for length in (1, 7, 8, 100, 1400)
    ]
    for packet in packets[5:]:
        packet[IP].proto = 50
    names = counted(attacked, packets)
    assert set(names) == {"drop_malformed_esp", "drop_unknown_spi"}


def test_esp_with_the_right_spi_and_the_wrong_key(attacked: Attacked) -> None:
    spi = int(attacked.child().spi_in, 16)
    packets = [
        attacked.peer() / ESP(spi=spi, seq=number, data=RANDOM.randbytes(length))
        for number in (1, 1_000_000, 0xFFFFFFFF)
        for length in (0, 1, 16, 40, 1400)
    ]
    names = counted(attacked, packets)
    assert set(names) <= {"drop_malformed_esp", "drop_bad_icv", "drop_replay"}
    assert names["drop_bad_icv"] > 0


def test_replayed_esp(attacked: Attacked) -> None:
    with attacked.world.capture("recorded") as capture:
        assert attacked.pings.wait_answered(20, timeout=10)
    ours = attacked.world.ipv4.a.external
    recorded = [p[IP] for p in rdpcap(str(capture.path)) if IP in p and p[IP].dst == ours]
    packets = [packet for packet in recorded if packet.proto == 50]
    assert len(packets) >= 20
    assert set(counted(attacked, packets)) == {"drop_replay"}


def test_clear_packets_between_the_networks(attacked: Attacked) -> None:
    sides = attacked.world.ipv4

    def blocked() -> int:
        guards = attacked.ours.status().guards
        return sum(each.packets for each in guards if each.direction == "in")

    before = blocked()
    for _ in range(10):
        attacked.injector.send(IP(src=sides.b.host, dst=sides.a.host) / ICMP())
    attacked.ours.wait_status(lambda _: blocked() == before + 10, "blocked")


def test_a_flood_of_true_first_messages(attacked: Attacked) -> None:
    """Forged IKE_SA_INIT requests in the peer's name: what they cost is bounded."""
    first = next(
        bytes(packet[UDP].payload)
        for packet in rdpcap(str(attacked.world.directory / "negotiation.pcap"))
        if UDP in packet and bytes(packet[UDP].payload)[18:19] == IKE_SA_INIT
    )
    for _ in range(500):
        forged = RANDOM.randbytes(8) + first[8:]
        attacked.injector.send(attacked.peer() / UDP(**IKE_PORTS) / Raw(forged))
    # The gateway takes them in turn: what is asked after them is answered after them.
    assert ping(attacked.world.host_a, attacked.world.ipv4.b.host, 3).all_answered
    counts = attacked.ours.status().ike_counters
    assert 0 < counts["half_open"] <= Limits().per_address
