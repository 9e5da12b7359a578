"""A kernel's SAD and SPD in memory: takes the messages that a netlink socket takes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence

from gatewright.dataplane.kernel.layout import (
    POLICY_ID_SIZE,
    POLICY_SIZE,
    SELECTOR_SIZE,
    Kind,
    pack_policy_id,
    pack_sa_id,
    unpack_policy,
    unpack_sa,
)
from gatewright.dataplane.kernel.netlink import NetlinkError, NetlinkSocket
from gatewright.netlink.messages import EXCLUSIVE, Message

_LARVAL_SPI = 0x1234


class FakeKernel(NetlinkSocket):
    """``refuse`` maps kinds of messages to the error with which they are refused."""

    def __init__(self, protocol: int = 0, groups: int = 0) -> None:
        del protocol
        self.groups = groups
        self.log: list[Message] = []
        self.sas: dict[bytes, bytes] = {}
        self.larval: list[bytes] = []
        self.policies: dict[bytes, bytes] = {}
        self.refuse: dict[Kind, int] = {}
        self.told: list[Message] = []
        self.overrun = False
        self._readable, self._signal = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        return self._readable

    def close(self) -> None:
        for each in (self._readable, self._signal):
            os.close(each)

    def tell(self, message: Message) -> None:
        self.told.append(message)
        os.write(self._signal, b"!")

    def kinds(self) -> list[Kind]:
        """What was asked, in order."""
        return [Kind(each.kind) for each in self.log]

    def request(self, message: Message) -> list[Message]:
        self.log.append(message)
        kind = Kind(message.kind)
        if kind in self.refuse:
            raise NetlinkError(self.refuse[kind])
        match kind:
            case Kind.NEW_SA | Kind.UPDATE_SA:
                self._put(self.sas, _sa_key(message.payload), message)
            case Kind.GET_SA:
                return [Message(Kind.NEW_SA, self._find(self.sas, message.payload))]
            case Kind.DELETE_SA:
                self._find(self.sas, message.payload)
                del self.sas[message.payload]
            case Kind.ALLOCATE_SPI:
                return [self._allocate()]
            case Kind.NEW_POLICY | Kind.UPDATE_POLICY:
                self._put(self.policies, _policy_key(message.payload), message)
            case Kind.DELETE_POLICY:
                assert len(message.payload) == POLICY_ID_SIZE
                self._find(self.policies, message.payload)
                del self.policies[message.payload]
            case _:
                raise NetlinkError(errno.EINVAL)
        return []

    def request_all(self, messages: Sequence[Message]) -> list[NetlinkError | None]:
        outcomes: list[NetlinkError | None] = []
        for message in messages:
            try:
                self.request(message)
                outcomes.append(None)
            except NetlinkError as error:
                outcomes.append(error)
        return outcomes

    def dump(self, kind: int, payload: bytes = b"") -> Iterator[Message]:
        del payload
        sas = [*self.sas.values(), *self.larval]
        objects = sas if kind == Kind.GET_SA else list(self.policies.values())
        yield from (Message(kind, each) for each in objects)

    def hear(self) -> list[Message] | None:
        if self.overrun:
            self.overrun = False
            raise OSError(errno.ENOBUFS, "overrun")
        told, self.told = self.told, []
        return told or None

    def _put(self, table: dict[bytes, bytes], key: bytes, message: Message) -> None:
        if message.flags & EXCLUSIVE and key in table:
            raise NetlinkError(errno.EEXIST)
        if message.kind == Kind.UPDATE_SA and key not in table:
            raise NetlinkError(errno.ESRCH)
        table[key] = message.payload

    def _find(self, table: dict[bytes, bytes], key: bytes) -> bytes:
        if key not in table:
            raise NetlinkError(errno.ESRCH)
        return table[key]

    def _allocate(self) -> Message:
        if not self.larval:
            raise NetlinkError(errno.ENOENT)
        payload = self.larval.pop()
        spi = slice(SELECTOR_SIZE + 16, SELECTOR_SIZE + 20)
        payload = payload[: spi.start] + _LARVAL_SPI.to_bytes(4) + payload[spi.stop :]
        self.sas[_sa_key(payload)] = payload
        return Message(Kind.NEW_SA, payload)


class NoKernel(FakeKernel):
    """One without XFRM."""

    def __init__(self, protocol: int = 0, groups: int = 0) -> None:
        del protocol, groups
        raise OSError(93, "Protocol not supported")


def _sa_key(payload: bytes) -> bytes:
    sa = unpack_sa(payload)
    assert sa is not None

    return pack_sa_id(sa.destination, sa.spi)


def _policy_key(payload: bytes) -> bytes:
    head = unpack_policy(payload[:POLICY_SIZE])
    assert head is not None

    return pack_policy_id(head.selector, head.way)
