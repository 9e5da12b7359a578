"""The IKE sockets: UDP port 500, one for each of the gateway's own addresses.

Port 4500 belongs to the data plane, which shares it with ESP.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import ip_address
from typing import Protocol

from gatewright.dataplane.kernel.udp import bound
from gatewright.host.names import MARK
from gatewright.ike.machine import IKE_PORT, Address, Datagram
from gatewright.ipsec.selectors import IPAddress

Receiver = Callable[[Datagram], None]

_LARGEST = 65535
_BUFFER = 4 << 20  # a burst of first messages must not cost a peer's rekey
_SO_RCVBUFFORCE = 33
_SO_MEMINFO = 55  # nine counters of 32 bits, the last one of datagrams dropped
_MEMINFO = struct.Struct("9I")
_BATCH = 64  # datagrams taken before others in the loop have their turn


class SocketError(Exception):
    """A socket could not be opened; the message says which, why, and what to do."""


class Sockets(Protocol):
    """What a gateway asks of its sockets; ``IkeSockets`` does it, tests have doubles."""

    def listen(self, addresses: Iterable[IPAddress]) -> None: ...

    def send(self, datagram: Datagram) -> None: ...

    def overflows(self) -> int:
        """Datagrams that found a receive buffer full, since the start."""
        ...

    def close(self) -> None: ...


class IkeSockets:
    """Whoever is named by ``deliver_to`` gets what arrives."""

    def __init__(self, loop: asyncio.AbstractEventLoop, mark: int = MARK) -> None:
        self._loop = loop
        self._receiver: Receiver = _nobody
        self._mark = mark
        self._sockets: dict[IPAddress, socket.socket] = {}
        self._past_overflows = 0  # of sockets that are closed

    def deliver_to(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def listen(self, addresses: Iterable[IPAddress]) -> None:
        """Have sockets on exactly these addresses; those that are open already are left alone.

        Raises:
            SocketError: nothing was changed.
        """
        wanted = set(addresses)
        opened: dict[IPAddress, socket.socket] = {}
        try:
            for address in wanted - set(self._sockets):
                opened[address] = _open(address, self._mark)
        except SocketError:
            for each in opened.values():
                each.close()
            raise
        for address in set(self._sockets) - wanted:
            self._forget(address)
        for address, each in opened.items():
            self._sockets[address] = each
            self._loop.add_reader(each, self._readable, address, each)

    def send(self, datagram: Datagram) -> None:
        """Raises OSError when the system refuses."""
        sender = self._sockets.get(datagram.local.ip)
        if sender is None:
            raise OSError(f"no socket for {datagram.local.ip}")
        sender.sendto(datagram.payload, (str(datagram.remote.ip), datagram.remote.port))

    def overflows(self) -> int:
        return self._past_overflows + sum(_overflows(each) for each in self._sockets.values())

    def close(self) -> None:
        for address in tuple(self._sockets):
            self._forget(address)

    def _forget(self, address: IPAddress) -> None:
        gone = self._sockets.pop(address)
        self._loop.remove_reader(gone)
        self._past_overflows += _overflows(gone)
        gone.close()

    def _readable(self, address: IPAddress, sender: socket.socket) -> None:
        local = Address(address, IKE_PORT)
        for _ in range(_BATCH):
            try:
                payload, source = sender.recvfrom(_LARGEST)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error about something sent before
            ip, _, _ = source[0].partition("%")
            self._receiver(Datagram(local, Address(ip_address(ip), source[1]), payload))


def _overflows(opened: socket.socket) -> int:
    try:
        meminfo = opened.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
    except OSError:  # before Linux 4.12
        return 0
    dropped: int = _MEMINFO.unpack(meminfo)[-1]
    return dropped


def _nobody(datagram: Datagram) -> None:
    del datagram


def _open(address: IPAddress, mark: int) -> socket.socket:
    try:
        return bound(address, IKE_PORT, mark, _enlarge)
    except OSError as error:
        raise SocketError(_explain(address, error)) from error


def _enlarge(opened: socket.socket) -> None:
    """The receive buffer, as far as the system allows without the right to more."""
    with suppress(OSError):
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)


def _explain(address: IPAddress, error: OSError) -> str:
    what = f"UDP port {IKE_PORT} of {address} cannot be opened: {error.strerror}."
    if error.errno == 98:  # EADDRINUSE
        return (
            f"{what} Another IKE daemon has it (charon, pluto, a second gateway). Stop that one, "
            "or run this one in a network namespace of its own."
        )
    if error.errno in (1, 13):  # EPERM, EACCES
        return f"{what} This needs CAP_NET_ADMIN and CAP_NET_BIND_SERVICE: run as root."
    return what
