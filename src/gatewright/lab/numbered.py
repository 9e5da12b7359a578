"""A stream of numbered datagrams from one host to another: every packet is accounted for.

Beside a TCP transfer, which mends its losses itself and tells nobody, such a stream tells exactly
what was lost, doubled or overtaken, and when.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from array import array
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from types import TracebackType
from typing import Self

from gatewright.lab.errors import LabError
from gatewright.lab.namespace import Namespace

NUMBERED_PORT = 5400
_NUMBER = struct.Struct("!Q")
_PADDING = bytes(92)
_BUFFER = 32 << 20
_SO_RCVBUFFORCE = 33
_SO_MEMINFO = 55  # asm-generic/socket.h; nine counters of 32 bits, the last one is of drops
_MEMINFO = struct.Struct("9I")
_TICK = 0.25  # seconds after which a thread looks whether it is to end


class Ledger:
    """Which numbers arrived, from 0 on, and in which order."""

    def __init__(self) -> None:
        self.received = 0
        self.doubled = 0
        self.overtaken = 0  # arrived after a higher number
        self._seen = bytearray()
        self._highest = -1

    def enter(self, number: int) -> None:
        if number >= len(self._seen):
            self._seen.extend(bytes(max(4096, number + 1 - len(self._seen))))
        if self._seen[number]:
            self.doubled += 1
            return
        self._seen[number] = 1
        self.received += 1
        if number < self._highest:
            self.overtaken += 1
        else:
            self._highest = number

    def missing(self, sent: int) -> list[int]:
        """Those of the first ``sent`` numbers that never came."""
        seen = self._seen[:sent] + bytes(max(0, sent - len(self._seen)))
        found, start = [], 0
        while (number := seen.find(0, start)) >= 0:
            found.append(number)
            start = number + 1
        return found


@dataclass(frozen=True, slots=True)
class Account:
    """What became of a stream.

    ``lost``: a number and the time it was sent, in seconds from the beginning of the stream.
    ``receiver_overflow``: datagrams that came and found the receiving host's buffer full.
    """

    sent: int
    received: int
    lost: tuple[tuple[int, float], ...]
    doubled: int
    overtaken: int
    receiver_overflow: int

    @property
    def whole(self) -> bool:
        """Every packet arrived, once, in order."""
        return not (self.lost or self.doubled or self.overtaken)


class NumberedStream:
    """Sends ``rate`` datagrams a second in the background, from entering until ``finish``.

    ``port`` tells streams between the same two hosts apart.
    """

    def __init__(
        self,
        sender: Namespace,
        receiver: Namespace,
        destination: str,
        rate: int,
        port: int = NUMBERED_PORT,
    ) -> None:
        self._family = socket.AF_INET if ip_address(destination).version == 4 else socket.AF_INET6
        self._address = (destination, port)
        self._rate = rate
        self._ledger = Ledger()
        self._times = array("d")
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._finished = threading.Event()
        self._overflow = 0
        self._inlet = receiver.call(self._listen)
        self._outlet = sender.call(lambda: socket.socket(self._family, socket.SOCK_DGRAM))
        self._threads = (
            threading.Thread(target=self._receive, name="numbered receiver"),
            threading.Thread(target=self._send, name="numbered sender"),
        )

    @property
    def sent(self) -> int:
        return len(self._times)

    @property
    def received(self) -> int:
        return self._ledger.received

    def wait_received(self, more: int, timeout: float) -> bool:
        """Wait until so many more have arrived; whether they came in time."""
        with self._changed:
            goal = self._ledger.received + more
            return self._changed.wait_for(lambda: self._ledger.received >= goal, timeout)

    def lost_so_far(self, age: float = 2.0) -> int:
        """Packets sent at least ``age`` seconds ago that have not come."""
        settled = max(0, self.sent - int(self._rate * age))
        return len(self._ledger.missing(settled))

    def finish(self, timeout: float = 5.0) -> Account:
        """Send no more, wait for what is on its way, and give the account."""
        self._stopping.set()
        self._threads[1].join()
        with self._changed:
            self._changed.wait_for(lambda: self._ledger.received >= self.sent, timeout)
        self._end()
        ledger, times = self._ledger, self._times
        return Account(
            sent=self.sent,
            received=ledger.received,
            lost=tuple((n, times[n] - times[0]) for n in ledger.missing(self.sent)),
            doubled=ledger.doubled,
            overtaken=ledger.overtaken,
            receiver_overflow=self._overflow,
        )

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        self._inlet.close()
        self._outlet.close()

    def _end(self) -> None:
        self._stopping.set()
        self._finished.set()
        for thread in self._threads:
            thread.join()

    def _listen(self) -> socket.socket:
        inlet = socket.socket(self._family, socket.SOCK_DGRAM)
        # A late receiver loses nothing: what does not fit is counted, and is not the tunnel's.
        for option in (socket.SO_RCVBUF, _SO_RCVBUFFORCE):
            with suppress(PermissionError):
                inlet.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
        inlet.settimeout(_TICK)
        try:
            inlet.bind(("", self._address[1]))
        except OSError as error:
            inlet.close()
            raise LabError(f"UDP port {self._address[1]}: {error.strerror}") from None
        return inlet

    def _send(self) -> None:
        begin = time.monotonic()
        number = 0
        while not self._stopping.is_set():
            due = begin + number / self._rate
            now = time.monotonic()
            if now < due:
                time.sleep(min(due - now, _TICK))
                continue
            try:
                self._outlet.sendto(_NUMBER.pack(number) + _PADDING, self._address)
            except OSError:  # the host itself refuses: it was never on its way
                time.sleep(1 / self._rate)
                continue
            self._times.append(now)
            number += 1

    def _receive(self) -> None:
        while not self._finished.is_set():
            try:
                datagram = self._inlet.recv(2048)
            except TimeoutError:
                continue
            (number,) = _NUMBER.unpack_from(datagram)
            with self._changed:
                self._ledger.enter(number)
                self._changed.notify_all()
        meminfo = self._inlet.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        self._overflow = _MEMINFO.unpack(meminfo)[-1]
