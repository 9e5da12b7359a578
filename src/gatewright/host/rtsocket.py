"""One rtnetlink socket that takes thousands of changes: many messages a system call.

pyroute2 makes an object of each attribute, which costs a thousand times what the kernel does with
it.  Plain sockets and ``struct`` here; the messages are made in ``rtmessages``.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from gatewright.netlink.messages import (
    ACK,
    DONE,
    DUMP,
    ERROR,
    SOL_NETLINK,
    Message,
    frame,
    outcome,
    split,
)

NEW_ROUTE, DELETE_ROUTE, GET_ROUTE = 24, 25, 26
NEW_RULE, DELETE_RULE, GET_RULE = 32, 33, 34

_STRICT_CHECK = 12
_BATCH = 200
_BUFFER = 1 << 18


class RouteSocket:
    """Raises OSError with the kernel's number."""

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        self._sequence = 0
        with suppress(OSError):  # before Linux 4.20: it gives more than what is asked for
            self._socket.setsockopt(SOL_NETLINK, _STRICT_CHECK, 1)
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
        self._socket.send(frame(Message(kind, request), self._next(), DUMP))
        while True:
            for _, answer in split(self._socket.recv(_BUFFER)):
                if answer.kind == DONE:
                    return
                if answer.kind == ERROR:
                    number = _refused(answer)
                    if number not in (0, errno.EOPNOTSUPP, errno.EAFNOSUPPORT):
                        raise OSError(number, os.strerror(number))
                    return
                yield answer.payload

    def change(
        self, kind: int, flags: int, messages: Sequence[bytes], ignored: Collection[int] = ()
    ) -> None:
        """Carry out all messages in order, or those before the first that is refused and perhaps
        some after it.  ``ignored`` are error numbers that are no refusal."""
        for first in range(0, len(messages), _BATCH):
            batch = messages[first : first + _BATCH]
            # Only the last one is acknowledged; errors come unasked.
            framed = [frame(Message(kind, each, flags), self._next()) for each in batch[:-1]]
            last = self._next()
            framed.append(frame(Message(kind, batch[-1], flags), last, ACK))
            self._socket.send(b"".join(framed))
            refused = self._answers(last, ignored)
            if refused:
                raise OSError(refused, os.strerror(refused))

    def _answers(self, last: int, ignored: Collection[int]) -> int:
        """The first error number of a batch, or 0."""
        refused = 0
        while True:
            for sequence, answer in split(self._socket.recv(_BUFFER)):
                if answer.kind != ERROR:
                    continue
                number = _refused(answer)
                if number not in ignored:
                    refused = refused or number
                if sequence == last:
                    return refused

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence


def _refused(answer: Message) -> int:
    told = outcome(answer)
    return errno.EPROTO if told is None else told.errno
