from __future__ import annotations

import struct
from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from gatewright.dataplane.interface import Acquire
from gatewright.dataplane.kernel import events
from gatewright.dataplane.kernel.identity import reqid_of
from gatewright.dataplane.kernel.layout import (
    SELECTOR_SIZE,
    Attribute,
    KernelSelector,
    Kind,
    MappingSeen,
    Masked,
    SaHead,
    Template,
    pack_address,
    pack_sa_id,
    unpack_sa,
)
from gatewright.netlink.messages import Message, attribute

OURS, THEIRS = ip_address("203.0.113.1"), ip_address("203.0.113.2")
PACKET = KernelSelector(
    ip_network("10.1.0.2/32"),
    ip_network("10.2.0.2/32"),
    6,
    Masked(50000, 0xFFFF),
    Masked(443, 0xFFFF),
)


def acquire(reqid: int, packet: KernelSelector = PACKET) -> Message:
    """As linux/net/xfrm puts it together: SA, packet, policy, algorithms, number, template."""
    data = pack_address(THEIRS) + bytes(4) + bytes([50, 0, 0, 0]) + pack_address(OURS)
    data += packet.pack() + bytes(168) + struct.pack("=IIII", *(2**32 - 1,) * 3, 9)
    template = Template(OURS, THEIRS, reqid)
    return Message(Kind.ACQUIRE, data + attribute(Attribute.TEMPLATE, template.pack()))


def expire(reqid: int, spi: int, *, hard: bool) -> Message:
    head = SaHead(THEIRS, OURS, spi, reqid)
    return Message(Kind.EXPIRE, head.pack() + bytes([hard]) + bytes(7))


def test_an_acquire_has_the_packet_s_own_addresses_and_ports() -> None:
    told = events.read(acquire(reqid_of(7)))
    assert isinstance(told, events.Wanted)
    ends = ip_address("10.1.0.2"), ip_address("10.2.0.2")
    assert told.acquire == Acquire(7, *ends, 6, 50000, 443)
    assert told.template == Template(OURS, THEIRS, reqid_of(7))
    assert told.sequence == 9


def test_type_and_code_are_no_ports() -> None:
    echo = KernelSelector(
        PACKET.source, PACKET.destination, 1, Masked(8, 0xFFFF), Masked(0, 0xFFFF)
    )
    told = events.read(acquire(reqid_of(7), echo))
    assert isinstance(told, events.Wanted)
    assert (told.acquire.protocol, told.acquire.source_port) == (1, 0)


def test_what_others_asked_for_is_not_ours() -> None:
    assert events.read(acquire(7)) is None
    assert events.read(expire(7, 0x1001, hard=True)) is None


def test_limits_name_the_sa_and_whether_it_is_gone() -> None:
    for hard in (False, True):
        told = events.read(expire(reqid_of(7), 0x1001, hard=hard))
        assert isinstance(told, events.Expired)
        assert (told.sa.spi, told.hard) == (0x1001, hard)
    assert events.read(expire(reqid_of(7), 0, hard=True)) is None, "one that waited for its keys"


def test_a_mapping_is_read() -> None:
    data = pack_sa_id(OURS, 0x1001) + bytes(4) + pack_address(THEIRS)
    data += pack_address(ip_address("203.0.113.9")) + bytes.fromhex("11941f40")
    told = events.read(Message(Kind.MAPPING, data))
    assert told == MappingSeen(0x1001, ip_address("203.0.113.9"), 8000)


def test_who_waits_is_seen_in_a_dump_as_well() -> None:
    head = SaHead(OURS, THEIRS, 0, reqid_of(7), PACKET.pack(), sequence=9)
    sa = unpack_sa(head.pack())
    assert sa is not None
    told = events.read(acquire(reqid_of(7)))
    assert events.larval(sa) == told
    standing = unpack_sa(SaHead(OURS, THEIRS, 0x1001, reqid_of(7), PACKET.pack()).pack())
    assert standing is not None
    assert events.larval(standing) is None


@given(st.sampled_from(list(Kind)), st.binary(max_size=400))
def test_hostile_octets_raise_nothing(kind: Kind, data: bytes) -> None:
    events.read(Message(kind, data))


@given(st.integers(0, 359), st.integers(0, 255))
def test_a_damaged_acquire_raises_nothing(place: int, value: int) -> None:
    data = bytearray(acquire(reqid_of(7)).payload)
    data[place % len(data)] = value
    events.read(Message(Kind.ACQUIRE, bytes(data)))
    events.read(Message(Kind.ACQUIRE, bytes(data[: place % len(data)])))
    assert len(data) > SELECTOR_SIZE


def test_what_is_deleted_is_told() -> None:
    named = pack_sa_id(OURS, 0x1001)
    assert events.read(Message(Kind.DELETE_SA, named)) == events.Deleted(OURS, 0x1001)
    assert events.read(Message(Kind.DELETE_SA, named[:-1])) is None
    assert events.read(Message(Kind.DELETE_SA, named[:22] + b"\x33\0")) is None, "of AH"
    assert events.read(Message(Kind.FLUSH_SA, b"\0")) is events.Flushed.SAS
    for kind in (Kind.DELETE_POLICY, Kind.FLUSH_POLICY):
        assert events.read(Message(kind, b"")) is events.Flushed.POLICIES
