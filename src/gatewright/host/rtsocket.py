"""One rtnetlink socket that takes thousands of changes: many messages a system call.

pyroute2 makes an object of each attribute, which costs a thousand times what the kernel does with
it.  Plain sockets and ``struct`` here; the messages are made in ``rtmessages``.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

NEW_ROUTE, DELETE_ROUTE, GET_ROUTE = 24, 25, 26
NEW_RULE, DELETE_RULE, GET_RULE = 32, 33, 34
REPLACE = 0x100
EXCLUSIVE = 0x200
CREATE = 0x400

_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_ERROR_NUMBER = struct.Struct("=i")
_REQUEST, _ACKNOWLEDGE, _DUMP = 0x1, 0x4, 0x300
_ERROR, _DONE = 2, 3
_SOL_NETLINK, _STRICT_CHECK = 270, 12
_BATCH = 200
_BUFFER = 1 << 18


class RouteSocket:
    """Raises OSError with the kernel's number."""

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        self._sequence = 0
        with suppress(OSError):  # before Linux 4.20: it gives more than what is asked for
            self._socket.setsockopt(_SOL_NETLINK, _STRICT_CHECK, 1)
        self._socket.bind((0, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    def dump(self, kind: int, request: bytes) -> Iterator[bytes]:
        """All objects of a kind, as messages without their header."""
        self._send([_message(kind, _REQUEST | _DUMP, self._next(), request)])
        while True:
            for answered, _, payload in self._receive():
                if answered == _DONE:
                    return
                if answered == _ERROR:
                    _complain(payload)
                    return
                yield payload

    def change(
        self, kind: int, flags: int, messages: Sequence[bytes], ignored: Collection[int] = ()
    ) -> None:
        """Carry out all messages in order, or those before the first that is refused and perhaps
        some after it.  ``ignored`` are error numbers that are no refusal."""
        for first in range(0, len(messages), _BATCH):
            batch = messages[first : first + _BATCH]
            # Only the last one is acknowledged; errors come unasked.
            quiet = [_message(kind, _REQUEST | flags, self._next(), each) for each in batch[:-1]]
            last = self._next()
            self._send([*quiet, _message(kind, _REQUEST | _ACKNOWLEDGE | flags, last, batch[-1])])
            refused = self._answers(last, ignored)
            if refused:
                raise OSError(refused, os.strerror(refused))

    def _answers(self, last: int, ignored: Collection[int]) -> int:
        """The first error number of a batch, or 0."""
        refused = 0
        while True:
            for answered, sequence, payload in self._receive():
                if answered != _ERROR:
                    continue
                number = -_ERROR_NUMBER.unpack_from(payload)[0]
                if number not in ignored:
                    refused = refused or number
                if sequence == last:
                    return refused

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def _send(self, messages: Sequence[bytes]) -> None:
        self._socket.send(b"".join(messages))

    def _receive(self) -> list[tuple[int, int, bytes]]:
        """Type, sequence number and payload of each message of one datagram."""
        datagram = self._socket.recv(_BUFFER)
        found, at = [], 0
        while at + _HEADER.size <= len(datagram):
            length, kind, _, sequence, _ = _HEADER.unpack_from(datagram, at)
            found.append((kind, sequence, datagram[at + _HEADER.size : at + length]))
            at += max(length + (-length % 4), _HEADER.size)
        return found


def _message(kind: int, flags: int, sequence: int, payload: bytes) -> bytes:
    length = _HEADER.size + len(payload)
    return _HEADER.pack(length, kind, flags, sequence, 0) + payload + bytes(-length % 4)


def _complain(payload: bytes) -> None:
    number = -_ERROR_NUMBER.unpack_from(payload)[0]
    if number not in (0, errno.EOPNOTSUPP, errno.EAFNOSUPPORT):
        raise OSError(number, os.strerror(number))
