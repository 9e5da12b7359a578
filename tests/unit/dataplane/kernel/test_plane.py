"""The data plane over a kernel in memory; tests/netns has a real one for policies, and
tests/interop one with ESP."""

from __future__ import annotations

import select
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from gatewright.dataplane.interface import (
    Acquire,
    DataPlane,
    DataPlaneError,
    PeerMoved,
    SaExpiring,
)
from gatewright.dataplane.kernel import plane as module
from gatewright.dataplane.kernel import sad
from gatewright.dataplane.kernel.events import GROUPS
from gatewright.dataplane.kernel.identity import reqid_of
from gatewright.dataplane.kernel.layout import (
    Kind,
    SaHead,
    pack_address,
    pack_sa_id,
)
from gatewright.dataplane.kernel.netlink import NetlinkSocket
from gatewright.dataplane.kernel.plane import KernelDataPlane
from gatewright.iana.algorithms import CIPHER_BY_NAME
from gatewright.ipsec.association import ChildSa
from gatewright.ipsec.selectors import IPAddress
from gatewright.netlink.messages import Message
from tests.support.policies import entry
from tests.support.scapy_esp import child_sa
from tests.unit.dataplane.kernel.doubles import FakeKernel, NoKernel
from tests.unit.dataplane.kernel.test_events import PACKET, acquire

GCM = (CIPHER_BY_NAME["aes-128-gcm"], None)
OURS, THEIRS = ip_address("203.0.113.1"), ip_address("203.0.113.2")
ELSEWHERE = ip_address("203.0.113.9")
SPD = [replace(entry(1, "10.1.0.0/24", "10.2.0.0/24"), gateways=(OURS, THEIRS))]


class FakeDevice:
    def __init__(self, name: str) -> None:
        self.name = name
        self.log: list[str] = []

    def open(self) -> None:
        self.log.append("open")

    def close(self, *, remove: bool) -> None:
        self.log.append("removed" if remove else "left")


class Rig:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        kernels: list[FakeKernel] = []

        class Netlink(FakeKernel):
            def __init__(self, protocol: int = 0, groups: int = 0) -> None:
                super().__init__(protocol, groups)
                kernels.append(self)

        monkeypatch.setattr(module, "Device", FakeDevice)
        netlink: type[NetlinkSocket] = Netlink
        self.plane = KernelDataPlane("gw0", mark=0x4757, netlink=netlink)
        self.kernel, self.told = kernels
        self.plane.open([])
        self.plane.replace_policies(SPD)

    def tell(self, message: Message) -> None:
        self.told.tell(message)

    def expire(self, half: sad.Half, *, hard: bool, packets: int = 0) -> None:
        head = bytearray(SaHead(THEIRS, half.destination, half.spi, reqid_of(1)).pack())
        head[168:176] = packets.to_bytes(8, "little")
        self.tell(Message(Kind.EXPIRE, bytes(head) + bytes([hard]) + bytes(7)))


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    made = Rig(monkeypatch)
    yield made
    made.plane.close(remove=True)


def pair(**changes: object) -> ChildSa:
    return replace(child_sa(GCM), **changes)  # type: ignore[arg-type]


def test_it_is_a_data_plane_and_says_what_it_has(rig: Rig) -> None:
    plane: DataPlane = rig.plane
    state = plane.state()
    assert (state.kind, state.interface, state.features["policies"]) == ("kernel", "gw0", "3")
    assert rig.told.groups == GROUPS


def test_the_first_packet_acquires_once(rig: Rig) -> None:
    rig.tell(acquire(reqid_of(1)))
    rig.tell(acquire(reqid_of(1)))
    assert select.select([rig.plane.event_fd()], [], [], 0)[0]
    (event,) = rig.plane.poll_events()
    assert event == acquired()
    rig.plane.acquire_failed(1)
    assert Kind.ALLOCATE_SPI in rig.kernel.kinds()
    rig.tell(acquire(reqid_of(1)))
    assert len(rig.plane.poll_events()) == 1


def acquired() -> Acquire:
    return Acquire(1, PACKET.source[0], PACKET.destination[0], 6, 50000, 443)


def test_packets_that_wait_go_out_when_there_is_an_sa(rig: Rig) -> None:
    rig.tell(acquire(reqid_of(1)))
    rig.plane.poll_events()
    rig.kernel.log.clear()
    rig.plane.add_sa(pair())
    assert rig.kernel.kinds() == [Kind.NEW_SA, Kind.NEW_SA, Kind.UPDATE_POLICY]
    rig.plane.remove_sa(pair().spi_in)
    rig.tell(acquire(reqid_of(1)))
    assert len(rig.plane.poll_events()) == 1, "a new question, since the last was answered"


def test_a_pair_on_standby_lets_none_go_until_it_is_active(rig: Rig) -> None:
    rig.tell(acquire(reqid_of(1)))
    rig.plane.poll_events()
    sa = pair(outbound_standby=True)
    rig.plane.add_sa(sa)
    assert Kind.UPDATE_POLICY not in rig.kernel.kinds()
    rig.plane.activate_sa(sa.spi_in)
    assert rig.kernel.kinds()[-1] == Kind.UPDATE_POLICY
    (counters,) = rig.plane.sa_counters()
    assert counters.outbound_active


def test_the_first_packet_on_a_pair_on_standby_activates_it(rig: Rig) -> None:
    sa = pair(outbound_standby=True)
    rig.plane.add_sa(sa)
    assert not rig.plane.sa_counters()[0].outbound_active
    rig.expire(sad.inbound_half(sa), hard=False, packets=1)
    assert rig.plane.poll_events() == []
    assert rig.plane.sa_counters()[0].outbound_active


def test_limits_are_told_of_either_half(rig: Rig) -> None:
    sa = pair(byte_soft_limit=900, byte_limit=1000)
    rig.plane.add_sa(sa)
    rig.expire(sad.inbound_half(sa), hard=False)
    rig.expire(sad.outbound_half(sa), hard=True)
    rig.expire(sad.Half(OURS, 0x7777), hard=True)
    assert rig.plane.poll_events() == [
        SaExpiring(sa.spi_in, False, "bytes"),
        SaExpiring(sa.spi_in, True, "bytes"),
    ]


def test_the_end_of_the_sequence_numbers_has_its_name(rig: Rig) -> None:
    sa = pair()
    rig.plane.add_sa(sa)
    rig.expire(sad.outbound_half(sa), hard=False, packets=sad.REKEY_SEQUENCE)
    assert rig.plane.poll_events() == [SaExpiring(sa.spi_in, False, "sequence")]


def mapping(spi: int) -> Message:
    data = pack_sa_id(OURS, spi) + bytes(4) + pack_address(THEIRS) + pack_address(ELSEWHERE)
    return Message(Kind.MAPPING, data + bytes.fromhex("11941f40"))


def test_a_peer_that_moved_is_told_of_once_and_followed(rig: Rig) -> None:
    sa = pair()
    rig.plane.add_sa(sa)
    for spi in (sa.spi_in, sa.spi_in, 0x7777):
        rig.tell(mapping(spi))
    assert rig.plane.poll_events() == [PeerMoved(sa.spi_in, ELSEWHERE, 8000)]
    rig.kernel.log.clear()
    rig.plane.move_sa(sa.spi_in, ELSEWHERE, 8000)
    assert rig.kernel.kinds().count(Kind.UPDATE_POLICY) == 3
    rig.plane.move_sa(99, ELSEWHERE, 8000)


def test_questions_that_were_lost_are_seen_in_what_the_kernel_holds(rig: Rig) -> None:
    head = SaHead(OURS, THEIRS, 0, reqid_of(1), PACKET.pack(), sequence=9)
    rig.kernel.larval.append(head.pack())
    rig.told.overrun = True
    rig.tell(Message(Kind.NEW_SA, b""))
    assert rig.plane.poll_events() == [acquired()]


def test_closing_without_removal_leaves_policies_that_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig(monkeypatch)
    rig.plane.add_sa(pair())
    rig.plane.close(remove=False)
    assert not rig.kernel.sas
    assert len(rig.kernel.policies) == 3


def test_opening_removes_sas_of_an_earlier_process(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch)
    rig.plane.add_sa(pair())
    rig.plane.open([])
    assert len(rig.kernel.sas) == 2, "its own stay when the addresses change"
    rig.plane.close(remove=True)
    assert not rig.kernel.policies


def test_a_kernel_without_xfrm_is_explained() -> None:
    with pytest.raises(DataPlaneError, match="engine: user-space"):
        KernelDataPlane("gw0", mark=1, netlink=NoKernel)


def test_policies_that_somebody_flushed_come_back(rig: Rig) -> None:
    before = dict(rig.kernel.policies)
    rig.kernel.policies.clear()
    rig.tell(Message(Kind.FLUSH_POLICY, b""))
    assert rig.plane.poll_events() == []
    assert rig.kernel.policies == before


def test_a_pair_that_somebody_took_away_is_at_its_end(rig: Rig) -> None:
    first, second = pair(), pair(spi_in=0x5151, spi_out=0x5252)
    for sa in (first, second):
        rig.plane.add_sa(sa)
    named = pack_sa_id(*_named(sad.outbound_half(first)))
    del rig.kernel.sas[named]
    rig.tell(Message(Kind.DELETE_SA, named))
    assert rig.plane.poll_events() == [SaExpiring(first.spi_in, True, "removed")]
    rig.plane.remove_sa(first.spi_in)
    rig.kernel.sas.clear()
    rig.tell(Message(Kind.FLUSH_SA, bytes([0])))
    assert rig.plane.poll_events() == [SaExpiring(second.spi_in, True, "removed")]


def test_what_we_deleted_ourselves_is_no_loss(rig: Rig) -> None:
    sa = pair()
    rig.plane.add_sa(sa)
    rig.plane.move_sa(sa.spi_in, ELSEWHERE, 4500)  # deletes both halves and makes them anew
    rig.tell(Message(Kind.DELETE_SA, pack_sa_id(*_named(sad.inbound_half(sa)))))
    rig.tell(Message(Kind.DELETE_SA, pack_sa_id(*_named(sad.outbound_half(sa)))))
    rig.plane.remove_sa(sa.spi_in)
    rig.tell(Message(Kind.DELETE_SA, pack_sa_id(*_named(sad.inbound_half(sa)))))
    assert rig.plane.poll_events() == []


def _named(half: sad.Half) -> tuple[IPAddress, int]:
    return half.destination, half.spi
