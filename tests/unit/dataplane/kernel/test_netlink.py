from __future__ import annotations

import errno
import socket
import struct

import pytest

from gatewright.dataplane.kernel.netlink import NetlinkError, NetlinkSocket
from gatewright.netlink.messages import DUMP, Message, attributes

GET_LINK = 18  # linux/rtnetlink.h: RTM_GETLINK, which everybody may ask
INTERFACE = struct.Struct("=BxHiII")


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
