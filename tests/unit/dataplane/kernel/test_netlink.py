from __future__ import annotations

import errno
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.dataplane.kernel.netlink import (
    DUMP,
    Message,
    NetlinkError,
    NetlinkSocket,
    attribute,
    attributes,
    frame,
    split,
)

GET_LINK = 18  # linux/rtnetlink.h: RTM_GETLINK, which everybody may ask
INTERFACE = struct.Struct("=BxHiII")


def test_a_frame_has_length_kind_flags_and_sequence() -> None:
    data = frame(Message(0x13, b"abc", 0x200), 7, 0x4)
    assert data == bytes.fromhex("13000000 1300 0502 07000000 00000000") + b"abc\0"


@given(st.lists(st.tuples(st.integers(16, 0xFFFF), st.binary(max_size=40)), max_size=5))
def test_frames_are_split_again(messages: list[tuple[int, bytes]]) -> None:
    data = b"".join(frame(Message(*each), number) for number, each in enumerate(messages))
    found = [(number, each.kind, each.payload) for number, each in split(data)]
    assert found == [(number, *each) for number, each in enumerate(messages)]


@given(st.binary(max_size=300))
def test_hostile_octets_are_read_to_where_they_make_sense(data: bytes) -> None:
    list(split(data))
    attributes(data)


@given(st.dictionaries(st.integers(1, 0x3FFF), st.binary(max_size=20), max_size=5))
def test_attributes_are_read_back(wanted: dict[int, bytes]) -> None:
    assert attributes(b"".join(attribute(*each) for each in wanted.items())) == wanted


def test_a_message_shows_no_octets_since_they_may_be_keys() -> None:
    assert "secret" not in repr(Message(0x10, b"secret"))


@pytest.fixture
def routes() -> NetlinkSocket:
    return NetlinkSocket(socket.NETLINK_ROUTE)


def _link(index: int) -> Message:
    return Message(GET_LINK, INTERFACE.pack(0, 0, index, 0, 0))


def test_the_kernel_answers_and_refuses(routes: NetlinkSocket) -> None:
    (loopback,) = routes.request(_link(1))
    assert loopback.payload[4:8] == struct.pack("=i", 1)
    with pytest.raises(NetlinkError) as refusal:
        routes.request(_link(2**31 - 1))
    assert refusal.value.errno == errno.ENODEV
    routes.close()


def test_many_requests_have_an_outcome_each(routes: NetlinkSocket) -> None:
    outcomes = routes.request_all([_link(1 if n % 2 else 2**31 - 1) for n in range(150)])
    assert [outcome is None for outcome in outcomes] == [bool(n % 2) for n in range(150)]
    routes.close()


def test_a_dump_lists_all(routes: NetlinkSocket) -> None:
    names = [attributes(each.payload[16:])[3] for each in routes.dump(GET_LINK, bytes(16))]
    assert b"lo\0" in names
    routes.close()


def test_a_dump_of_nothing_that_exists_is_refused(routes: NetlinkSocket) -> None:
    with pytest.raises(NetlinkError):
        list(routes.dump(0xFFF0 | DUMP, bytes(16)))
    routes.close()


def test_nothing_told_is_none() -> None:
    hearing = NetlinkSocket(socket.NETLINK_ROUTE, groups=1)
    assert hearing.hear() is None
    hearing.close()
