"""Netlink messages and the socket for them (linux/netlink.h, RFC 3549).

pyroute2 has no XFRM messages, and its sockets run an event loop of their own, which the daemon's
cannot call.  The kernel answers a netlink request before the call that sends it returns, so a plain
socket is enough.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

XFRM = 6  # NETLINK_XFRM
REQUEST, ACK = 0x1, 0x4
DUMP = 0x300
REPLACE, EXCLUSIVE, CREATE = 0x100, 0x200, 0x400
_ERROR, _DONE, _OVERRUN = 2, 3, 4
_CAPPED, _ACK_TLVS = 0x100, 0x200
_ACK_TEXT = 1  # NLMSGERR_ATTR_MSG
_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_TYPE_BITS = 0x3FFF
_BUFFER = 1 << 20
_TOGETHER = 64  # requests in one call; their acknowledgements must fit the receive buffer
_PATIENCE = struct.pack("@ll", 10, 0)  # seconds: the kernel may have a module to load


@dataclass(frozen=True, slots=True)
class Message:
    """A type, its flags and the octets behind the header, which may hold keys."""

    kind: int
    payload: bytes = field(repr=False)
    flags: int = 0


class NetlinkError(Exception):
    """The kernel refused; ``errno`` as it said, and its own words where it has any."""

    def __init__(self, number: int, text: str = "") -> None:
        super().__init__(text or os.strerror(number))
        self.errno = number


class NetlinkSocket:
    """``groups`` is a bit mask of what to hear, bit 0 for group 1.  Raises OSError."""

    def __init__(self, protocol: int = XFRM, groups: int = 0) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, protocol)
        self._sequence = 0
        try:
            for size in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                self._socket.setsockopt(socket.SOL_SOCKET, size, _BUFFER)
            for option in (_CAP_ACK, _EXT_ACK):
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
            self._socket.bind((0, groups))
        except OSError:
            self._socket.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def request(self, message: Message) -> list[Message]:
        """Ask, and give what was answered besides the acknowledgement.

        Raises:
            NetlinkError: the kernel refused.
            OSError: it could not be asked.
        """
        answers: list[Message] = []
        (refusal,) = self._exchange([message], answers)
        if refusal is not None:
            raise refusal
        return answers

    def request_all(self, messages: Sequence[Message]) -> list[NetlinkError | None]:
        """Ask for all of them, many in one call; the refusal of each, or None."""
        refusals: list[NetlinkError | None] = []
        for start in range(0, len(messages), _TOGETHER):
            refusals += self._exchange(messages[start : start + _TOGETHER], [])
        return refusals

    def dump(self, kind: int, payload: bytes = b"") -> Iterator[Message]:
        """Every object of a kind.  Raises as ``request``."""
        self._sequence += 1
        self._socket.send(frame(Message(kind, payload, REQUEST | DUMP), self._sequence))
        while True:
            for sequence, message in split(self._receive()):
                if sequence != self._sequence:
                    continue
                if message.kind == _DONE:
                    return
                if message.kind == _ERROR:
                    refusal = _refusal(message)
                    if refusal is not None:
                        raise refusal
                    return
                yield message

    def hear(self) -> list[Message] | None:
        """What was told since the last call, at most one batch; None when nothing was.

        Raises OSError, with ENOBUFS when more was told than fitted.
        """
        try:
            data = self._socket.recv(_BUFFER, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        return [message for _, message in split(data)]

    def _exchange(
        self, messages: Sequence[Message], answers: list[Message]
    ) -> list[NetlinkError | None]:
        first = self._sequence + 1
        self._sequence += len(messages)
        self._socket.send(b"".join(frame(m, first + n, ACK) for n, m in enumerate(messages)))
        outcomes: dict[int, NetlinkError | None] = {}
        while len(outcomes) < len(messages):
            for sequence, message in split(self._receive()):
                if not first <= sequence <= self._sequence:
                    continue  # of a request that was given up before
                if message.kind == _ERROR:
                    outcomes[sequence] = _refusal(message)
                elif message.kind not in (_DONE, _OVERRUN):
                    answers.append(message)
        return [outcomes[number] for number in range(first, self._sequence + 1)]

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_BUFFER)
        except BlockingIOError:
            raise OSError(errno.ETIMEDOUT, "the kernel does not answer") from None


def frame(message: Message, sequence: int, flags: int = 0) -> bytes:
    """One message with its header, padded to four octets."""
    size = _HEADER.size + len(message.payload)
    every = REQUEST | message.flags | flags
    return _HEADER.pack(size, message.kind, every, sequence, 0) + _padded(message.payload)


def split(data: bytes) -> Iterator[tuple[int, Message]]:
    """Sequence number and message of each in a datagram; ends where one is cut short."""
    place = 0
    while place + _HEADER.size <= len(data):
        size, kind, flags, sequence, _ = _HEADER.unpack_from(data, place)
        if size < _HEADER.size or place + size > len(data):
            return
        yield sequence, Message(kind, data[place + _HEADER.size : place + size], flags)
        place += _aligned(size)


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to four octets."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(payload), kind) + _padded(payload)


def attributes(data: bytes) -> Mapping[int, bytes]:
    """The attributes of a message by kind, the last where one is twice; ends where one is cut."""
    found: dict[int, bytes] = {}
    place = 0
    while place + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, place)
        if size < _ATTRIBUTE.size or place + size > len(data):
            break
        found[kind & _TYPE_BITS] = data[place + _ATTRIBUTE.size : place + size]
        place += _aligned(size)
    return found


def _refusal(message: Message) -> NetlinkError | None:
    """What an acknowledgement says.  Behind the code stand the header asked for, and text."""
    if len(message.payload) < 4:
        return NetlinkError(errno.EPROTO)
    (code,) = struct.unpack_from("=i", message.payload)
    if code == 0:
        return None
    text = b""
    if message.flags & _ACK_TLVS and message.flags & _CAPPED:
        told = attributes(message.payload[4 + _HEADER.size :])
        text = told.get(_ACK_TEXT, b"").rstrip(b"\0")
    return NetlinkError(-code, text.decode(errors="replace"))


def _aligned(size: int) -> int:
    return (size + 3) & ~3


def _padded(octets: bytes) -> bytes:
    return octets + bytes(_aligned(len(octets)) - len(octets))
