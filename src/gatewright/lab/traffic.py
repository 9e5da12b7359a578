"""Traffic between the hosts of a world: pings, steady pings, a TCP transfer."""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from types import TracebackType
from typing import Self

from gatewright.lab.errors import LabError
from gatewright.lab.namespace import Namespace
from gatewright.lab.packets import IPAddress

ECHO_REQUEST, ECHO_REPLY = 8, 0
ECHO_REQUEST_V6, ECHO_REPLY_V6 = 128, 129
TRANSFER_PORT = 5201
TRANSFER_CHUNK = 1 << 18
IPPROTO_ICMPV6 = 58
SO_TIMESTAMPNS = 35
TIMESPEC = struct.Struct("qq")


def internet_checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@dataclass(frozen=True, slots=True)
class Reply:
    """``at``: when it reached the host, nanoseconds since the epoch.

    The kernel's stamp, as ping(8) takes it: the pinger itself may have to be woken first.
    """

    sequence: int
    at: int


class Pinger:
    """Sends ICMP echo requests from a host and matches the replies, by a random identifier."""

    def __init__(self, namespace: Namespace, destination: str) -> None:
        self._destination: IPAddress = ip_address(destination)
        self._ipv4 = isinstance(self._destination, IPv4Address)
        self.identifier = int.from_bytes(os.urandom(2), "big")
        self._sequence = 0
        self._socket = namespace.call(self._open)

    def send(self, payload: int = 56, dont_fragment: bool = False) -> int:
        """Send one request with ``payload`` octets of data; its sequence number."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        kind = ECHO_REQUEST if self._ipv4 else ECHO_REQUEST_V6
        message = struct.pack("!BBHHH", kind, 0, 0, self.identifier, self._sequence)
        message += bytes(index & 0xFF for index in range(payload))
        if self._ipv4:  # the kernel fills in ICMPv6's
            message = message[:2] + struct.pack("!H", internet_checksum(message)) + message[4:]
            # IP_MTU_DISCOVER: IP_PMTUDISC_PROBE sets DF and looks at no cached path MTU, or DONT.
            self._socket.setsockopt(socket.IPPROTO_IP, 10, 3 if dont_fragment else 0)
        self._socket.sendto(message, (str(self._destination), 0))
        return self._sequence

    def receive(self, timeout: float) -> int | None:
        """The sequence number of the next reply; None when none comes in time."""
        reply = self.receive_reply(timeout)
        return None if reply is None else reply.sequence

    def receive_reply(self, timeout: float) -> Reply | None:
        """The next reply; None when none comes in time."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            if not select.select([self._socket], [], [], left)[0]:
                return None
            packet, ancillary, _, _ = self._socket.recvmsg(65535, socket.CMSG_SPACE(TIMESPEC.size))
            icmp = packet[(packet[0] & 0x0F) * 4 :] if self._ipv4 else packet
            if len(icmp) < 8 or icmp[0] != (ECHO_REPLY if self._ipv4 else ECHO_REPLY_V6):
                continue
            identifier, sequence = struct.unpack("!HH", icmp[4:8])
            if identifier == self.identifier:
                seconds, rest = TIMESPEC.unpack(ancillary[0][2])
                return Reply(sequence, seconds * 10**9 + rest)
        return None

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> socket.socket:
        if self._ipv4:
            opened = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        else:
            opened = socket.socket(socket.AF_INET6, socket.SOCK_RAW, IPPROTO_ICMPV6)
        opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        return opened


@dataclass(frozen=True, slots=True)
class Pings:
    """What became of a series.  ``times``: seconds to each reply, None where none came."""

    times: tuple[float | None, ...]

    @property
    def answered(self) -> int:
        return sum(time is not None for time in self.times)

    @property
    def all_answered(self) -> bool:
        return self.answered == len(self.times)


def ping(
    namespace: Namespace, destination: str, count: int = 1, timeout: float = 5.0, payload: int = 56
) -> Pings:
    """Ping ``count`` times, one after the other, each waiting up to ``timeout`` seconds."""
    times: list[float | None] = []
    with Pinger(namespace, destination) as pinger:
        for _ in range(count):
            begin = time.monotonic()
            wanted = pinger.send(payload)
            answer = pinger.receive(timeout)
            while answer is not None and answer != wanted:
                answer = pinger.receive(max(0.0, begin + timeout - time.monotonic()))
            times.append(None if answer is None else time.monotonic() - begin)
    return Pings(tuple(times))


class SteadyPings:
    """Pings without pause, in the background, from ``start`` to ``stop``."""

    def __init__(self, namespace: Namespace, destination: str, interval: float = 0.01) -> None:
        self.sent = 0
        self.answered = 0
        self._pinger = Pinger(namespace, destination)
        self._interval = interval
        self._stopping = threading.Event()
        self._finished = threading.Event()
        self._changed = threading.Condition()
        self._threads = (
            threading.Thread(target=self._send),
            threading.Thread(target=self._receive),
        )

    def wait_answered(self, more: int, timeout: float) -> bool:
        """Wait for ``more`` replies from now on; whether they came in time."""
        with self._changed:
            goal = self.answered + more
            return self._changed.wait_for(lambda: self.answered >= goal, timeout)

    def wait_sent(self, more: int, timeout: float) -> bool:
        """Wait until ``more`` requests have gone out from now on."""
        with self._changed:
            goal = self.sent + more
            return self._changed.wait_for(lambda: self.sent >= goal, timeout)

    def finish(self, timeout: float = 2.0) -> None:
        """Send no more, and wait for the replies that are still on their way."""
        self._stopping.set()
        self._threads[0].join()
        with self._changed:
            self._changed.wait_for(lambda: self.answered >= self.sent, timeout)
        self._finished.set()

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
        self._stopping.set()
        self._finished.set()
        for thread in self._threads:
            thread.join()
        self._pinger.close()

    def _send(self) -> None:
        while not self._stopping.wait(self._interval):
            try:
                self._pinger.send()
            except OSError:  # a gateway answered "unreachable", or its interface is going
                continue
            with self._changed:
                self.sent += 1
                self._changed.notify_all()

    def _receive(self) -> None:
        while not self._finished.is_set():
            if self._pinger.receive(0.1) is not None:
                with self._changed:
                    self.answered += 1
                    self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class Transfer:
    """One TCP stream: octets that arrived and seconds from the first to the last of them."""

    octets: int
    seconds: float

    @property
    def megabits_per_second(self) -> float:
        return self.octets * 8 / self.seconds / 1e6 if self.seconds else 0.0


def transfer(
    sender: Namespace, receiver: Namespace, destination: str, seconds: float, timeout: float = 10.0
) -> Transfer:
    """One TCP stream from a host to another for so many seconds, measured where it arrives.

    Raises ``LabError`` when the connection does not come about or stalls.
    """
    family = socket.AF_INET if ip_address(destination).version == 4 else socket.AF_INET6
    listener = receiver.call(lambda: socket.create_server(("", TRANSFER_PORT), family=family))
    outcome: list[Transfer] = []
    thread = threading.Thread(target=lambda: outcome.append(_receive_all(listener, timeout)))
    thread.start()
    try:
        source = sender.call(lambda: socket.socket(family, socket.SOCK_STREAM))
        with source:
            source.settimeout(timeout)
            source.connect((destination, TRANSFER_PORT))
            block = bytes(TRANSFER_CHUNK)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                source.sendall(block)
    except OSError as error:
        raise LabError(f"TCP from {sender.name} to {destination}: {error}") from None
    finally:
        thread.join()
        listener.close()
    if not outcome or not outcome[0].octets:
        raise LabError(f"TCP from {sender.name} to {destination}: nothing arrived")
    return outcome[0]


def _receive_all(listener: socket.socket, timeout: float) -> Transfer:
    listener.settimeout(timeout)
    buffer = memoryview(bytearray(TRANSFER_CHUNK))
    octets, begin, last = 0, 0.0, 0.0
    try:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(timeout)
            begin = last = time.monotonic()
            while received := connection.recv_into(buffer):
                octets += received
                last = time.monotonic()
    except OSError:  # the sender's side tells why
        pass
    return Transfer(octets, last - begin)
