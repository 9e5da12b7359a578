"""The netlink socket to the kernel's IPsec (linux/netlink.h, RFC 3549).

pyroute2 has no XFRM messages, and its sockets run an event loop of their own, which the daemon's
cannot call.  The kernel answers a netlink request before the call that sends it returns, so a plain
socket is enough.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence

from gatewright.netlink.messages import (
    ACK,
    DONE,
    DUMP,
    ERROR,
    OVERRUN,
    SOL_NETLINK,
    Message,
    frame,
    outcome,
    split,
)

XFRM = 6  # NETLINK_XFRM
_CAP_ACK, _EXT_ACK = 10, 11
_BUFFER = 1 << 20
_TOGETHER = 64  # requests in one call; their acknowledgements must fit the receive buffer
_PATIENCE = struct.pack("@ll", 10, 0)  # seconds: the kernel may have a module to load


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
                self._socket.setsockopt(SOL_NETLINK, option, 1)
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
        self._socket.send(frame(Message(kind, payload, DUMP), self._sequence))
        while True:
            for sequence, message in split(self._receive()):
                if sequence != self._sequence:
                    continue
                if message.kind == DONE:
                    return
                if message.kind == ERROR:
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
                if message.kind == ERROR:
                    outcomes[sequence] = _refusal(message)
                elif message.kind not in (DONE, OVERRUN):
                    answers.append(message)
        return [outcomes[number] for number in range(first, self._sequence + 1)]

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_BUFFER)
        except BlockingIOError:
            raise OSError(errno.ETIMEDOUT, "the kernel does not answer") from None


def _refusal(message: Message) -> NetlinkError | None:
    """What an acknowledgement says."""
    told = outcome(message)
    if told is None:
        return NetlinkError(errno.EPROTO)
    return NetlinkError(told.errno, told.text) if told.errno else None
