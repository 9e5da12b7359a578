"""Captures an interface of a world, to memory and to a pcap file."""

from __future__ import annotations

import ctypes
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from gatewright.lab.namespace import Namespace
from gatewright.lab.packets import IPNetwork, Tally

ETH_P_ALL = 3
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_STATISTICS = 263, 1, 6
PACKET_MR_PROMISC = 1
SO_RCVBUFFORCE = 33
RECEIVE_BUFFER = 64 << 20
SNAP_LENGTH = 65535
MAGIC_NANOSECONDS = 0xA1B23C4D
LINKTYPE_ETHERNET = 1
DRAIN_BATCH = 256

# Classic BPF (code, jump if true, jump if false, operand): pass all but what is plainly protected,
# ESP over IPv4 and UDP port 4500, so that a fast transfer can be watched at no cost.
UNPROTECTED_ONLY = (
    (0x28, 0, 0, 12),  # 0  ldh [12]: ethertype
    (0x15, 0, 12, 0x0800),  # 1  IPv4, else pass
    (0x30, 0, 0, 23),  # 2  ldb [23]: protocol
    (0x15, 9, 0, 50),  # 3  ESP: drop
    (0x15, 0, 9, 17),  # 4  UDP, else pass
    (0x28, 0, 0, 20),  # 5  ldh [20]: fragment offset
    (0x45, 7, 0, 0x1FFF),  # 6  a later fragment has no ports: pass
    (0xB1, 0, 0, 14),  # 7  ldxb 4*([14]&0xf): IP header length
    (0x48, 0, 0, 14),  # 8  ldh [x+14]: source port
    (0x15, 3, 0, 4500),  # 9  drop
    (0x48, 0, 0, 16),  # 10 ldh [x+16]: destination port
    (0x15, 1, 0, 4500),  # 11 drop
    (0x05, 0, 0, 1),  # 12 pass
    (0x06, 0, 0, 0),  # 13 drop
    (0x06, 0, 0, SNAP_LENGTH),  # 14 pass
)
SO_ATTACH_FILTER = 26


class Capture:
    """Everything that passes an interface from ``start`` to ``stop``, in both directions.

    It sees from the moment that ``start`` returns.  ``tally`` judges what was seen so far;
    ``path`` is a pcap file with nanosecond times.  ``unprotected_only`` leaves out what is plainly
    ESP, for transfers of millions of packets.
    """

    def __init__(
        self,
        namespace: Namespace,
        interface: str,
        path: Path,
        protected: Sequence[IPNetwork],
        *,
        unprotected_only: bool = False,
    ) -> None:
        self.path = path
        self.tally = Tally()
        self._namespace = namespace
        self._interface = interface
        self._protected = protected
        self._unprotected_only = unprotected_only
        self._stopping, self._stop_signal = socket.socketpair()
        self._seen = threading.Condition()
        self._stopped = False

    def start(self) -> None:
        self._socket = self._namespace.call(self._open)
        self._file = self.path.open("wb")
        self._file.write(
            struct.pack("=IHHiIII", MAGIC_NANOSECONDS, 2, 4, 0, 0, SNAP_LENGTH, LINKTYPE_ETHERNET)
        )
        self._thread = threading.Thread(target=self._run, name=f"capture {self._interface}")
        self._thread.start()

    def stop(self) -> Tally:
        """Take what has arrived so far, then end.  Again: what was counted."""
        if self._stopped:
            return self.tally
        self._stopped = True
        self._stop_signal.send(b"x")
        self._thread.join()
        statistics = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        self.tally.lost += struct.unpack("=II", statistics)[1]
        self._file.close()
        for each in (self._socket, self._stopping, self._stop_signal):
            each.close()
        return self.tally

    def wait_for(self, predicate: Callable[[Tally], bool], timeout: float) -> bool:
        """Wait until the tally satisfies a predicate; whether it did in time."""
        with self._seen:
            return self._seen.wait_for(lambda: predicate(self.tally), timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _open(self) -> socket.socket:
        # Protocol 0 first: nothing may arrive from other interfaces before it is bound.
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        except PermissionError:  # not root of the initial user namespace
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if self._unprotected_only:
            _attach(sock, UNPROTECTED_ONLY)
        index = socket.if_nametoindex(self._interface)
        membership = struct.pack("=iHH8s", index, PACKET_MR_PROMISC, 0, b"")
        sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership)
        sock.bind((self._interface, ETH_P_ALL))
        sock.setblocking(False)
        return sock

    def _run(self) -> None:
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        poller.register(self._stopping, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poller.poll()}
            more = self._drain()
            while more:
                more = self._drain()
            if self._stopping.fileno() in ready:
                return

    def _drain(self) -> bool:
        """Take a batch of frames; whether there may be more."""
        with self._seen:
            for _ in range(DRAIN_BATCH):
                try:
                    frame = self._socket.recv(SNAP_LENGTH)
                except BlockingIOError:
                    return False
                self._take(frame)
        return True

    def _take(self, frame: bytes) -> None:
        seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        self._file.write(struct.pack("=IIII", seconds, nanoseconds, len(frame), len(frame)))
        self._file.write(frame)
        self.tally.add(frame, self._protected)
        self._seen.notify_all()


def _attach(sock: socket.socket, program: Sequence[tuple[int, int, int, int]]) -> None:
    """``struct sock_fprog`` (linux/filter.h): a count and a pointer to the instructions."""
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    fprog = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, fprog)
