"""UDP port 4500 beside the kernel's IPsec (RFC 3948).

On port 4500 the kernel takes ESP and keepalives for itself; what has the non-ESP marker in front
comes to us.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from gatewright.dataplane.interface import DataPlaneError, IkeDatagram
from gatewright.dataplane.kernel.udp import bound
from gatewright.ipsec.selectors import IPAddress

NAT_T_PORT = 4500
NON_ESP_MARKER = bytes(4)
_KEEPALIVE = b"\xff"
_LARGEST = 65535
_BATCH = 64
_UDP_ENCAP, _ESP_IN_UDP = 100, 2  # linux/udp.h


class NatTSockets:
    """One socket an address."""

    def __init__(self, mark: int) -> None:
        self._mark = mark
        self._sockets: dict[IPAddress, socket.socket] = {}

    def listen(self, addresses: Iterable[IPAddress]) -> None:
        """Have sockets on exactly these; those that are open are left alone.

        Raises DataPlaneError: nothing was changed.
        """
        wanted = set(addresses)
        opened: dict[IPAddress, socket.socket] = {}
        try:
            for address in wanted - set(self._sockets):
                opened[address] = _open(address, self._mark)
        except OSError as error:
            for each in opened.values():
                each.close()
            raise DataPlaneError(_explain(error)) from None
        for address in set(self._sockets) - wanted:
            self._sockets.pop(address).close()
        self._sockets.update(opened)

    def close(self) -> None:
        self.listen(())

    def filenos(self) -> set[int]:
        return {each.fileno() for each in self._sockets.values()}

    def send_ike(self, local: IPAddress, remote: IPAddress, port: int, payload: bytes) -> None:
        self._send(local, remote, port, NON_ESP_MARKER + payload)

    def send_keepalive(self, local: IPAddress, remote: IPAddress, port: int) -> None:
        self._send(local, remote, port, _KEEPALIVE)

    def receive(self) -> Iterator[IkeDatagram]:
        """What is there, some of each socket."""
        for address, each in tuple(self._sockets.items()):
            for _ in range(_BATCH):
                try:
                    data, source = each.recvfrom(_LARGEST)
                except BlockingIOError:
                    break
                except OSError:
                    continue  # an ICMP error about something sent before
                if len(data) > len(NON_ESP_MARKER) and data.startswith(NON_ESP_MARKER):
                    ip, _, _ = source[0].partition("%")
                    payload = data[len(NON_ESP_MARKER) :]
                    remote = ip_address(ip)
                    yield IkeDatagram(address, NAT_T_PORT, remote, source[1], payload)

    def _send(self, local: IPAddress, remote: IPAddress, port: int, data: bytes) -> None:
        sender = self._sockets.get(local)
        if sender is None:
            raise DataPlaneError(f"There is no socket for port {NAT_T_PORT} of {local}.")
        try:
            sender.sendto(data, (str(remote), port))
        except OSError as error:
            where = f"port {port} of {remote}"
            raise DataPlaneError(f"Sending to {where} failed: {error.strerror}.") from None


def _open(address: IPAddress, mark: int) -> socket.socket:
    try:
        return bound(address, NAT_T_PORT, mark, _take_esp_out)
    except OSError as error:
        raise OSError(
            error.errno, f"UDP port {NAT_T_PORT} of {address}: {error.strerror}"
        ) from None


def _take_esp_out(opened: socket.socket) -> None:
    opened.setsockopt(socket.IPPROTO_UDP, _UDP_ENCAP, _ESP_IN_UDP)


def _explain(error: OSError) -> str:
    what = f"{error.strerror}."
    if error.errno == errno.EADDRINUSE:
        return f"{what} Another IKE daemon has it (charon, pluto): stop that one."
    if error.errno == errno.ENOPROTOOPT:
        return f"{what} This kernel has no ESP in UDP: write `engine: user-space`."
    return what
