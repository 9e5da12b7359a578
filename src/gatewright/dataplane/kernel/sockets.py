"""Sockets beside the kernel's IPsec: the policy of our own, and UDP port 4500 (RFC 3948).

On port 4500 the kernel takes ESP and keepalives for itself; what has the non-ESP marker in front
comes to us.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network

from gatewright.dataplane.interface import DataPlaneError, IkeDatagram
from gatewright.dataplane.kernel.layout import KernelSelector, PolicyHead, Verdict, Way
from gatewright.ipsec.selectors import IPAddress

NAT_T_PORT = 4500
NON_ESP_MARKER = bytes(4)
_KEEPALIVE = b"\xff"
_LARGEST = 65535
_BATCH = 64
# linux/in.h, linux/in6.h, linux/udp.h
_IP_FREEBIND, _IP_MTU_DISCOVER, _IP_XFRM_POLICY = 15, 10, 17
_IPV6_MTU_DISCOVER, _IPV6_XFRM_POLICY, _IPV6_FREEBIND = 23, 35, 78
_PMTUDISC_DONT = 0
_UDP_ENCAP, _ESP_IN_UDP = 100, 2


def bypass(opened: socket.socket) -> None:
    """IKE is not traffic of the policy, whatever addresses that speaks of.

    Nothing is done where the kernel has no IPsec.
    """
    version6 = opened.family == socket.AF_INET6
    anything = ip_network("::/0" if version6 else "0.0.0.0/0")
    level, option = (
        (socket.IPPROTO_IPV6, _IPV6_XFRM_POLICY)
        if version6
        else (socket.IPPROTO_IP, _IP_XFRM_POLICY)
    )
    for way in (Way.IN, Way.OUT):
        policy = PolicyHead(KernelSelector(anything, anything), way, Verdict.ALLOW, 0)
        try:
            opened.setsockopt(level, option, policy.pack())
        except OSError as error:
            if error.errno not in (errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EPERM):
                raise


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
    version6 = address.version == 6
    opened = socket.socket(
        socket.AF_INET6 if version6 else socket.AF_INET,
        socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
    )
    try:
        if version6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
            opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_DONT)
        else:
            opened.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
            opened.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DONT)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        bypass(opened)
        opened.setsockopt(socket.IPPROTO_UDP, _UDP_ENCAP, _ESP_IN_UDP)
        opened.bind((str(address), NAT_T_PORT))
    except OSError as error:
        opened.close()
        raise OSError(
            error.errno, f"UDP port {NAT_T_PORT} of {address}: {error.strerror}"
        ) from None
    return opened


def _explain(error: OSError) -> str:
    what = f"{error.strerror}."
    if error.errno == errno.EADDRINUSE:
        return f"{what} Another IKE daemon has it (charon, pluto): stop that one."
    if error.errno == errno.ENOPROTOOPT:
        return f"{what} This kernel has no ESP in UDP: write `engine: user-space`."
    return what
