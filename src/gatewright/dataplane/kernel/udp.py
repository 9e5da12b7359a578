"""UDP sockets that IPsec lets alone: those of IKE, on ports 500 and 4500."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from ipaddress import ip_network

from gatewright.dataplane.kernel.layout import KernelSelector, PolicyHead, Verdict, Way
from gatewright.ipsec.selectors import IPAddress

# linux/in.h, linux/in6.h
_IP_FREEBIND, _IP_MTU_DISCOVER, _IP_XFRM_POLICY = 15, 10, 17
_IPV6_MTU_DISCOVER, _IPV6_XFRM_POLICY, _IPV6_FREEBIND = 23, 35, 78
_PMTUDISC_DONT = 0


def bound(
    address: IPAddress, port: int, mark: int, prepare: Callable[[socket.socket], None]
) -> socket.socket:
    """A socket that does not block; ``prepare`` has it before it is bound.  Raises OSError."""
    version6 = address.version == 6
    opened = socket.socket(
        socket.AF_INET6 if version6 else socket.AF_INET,
        socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
    )
    try:
        if version6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # An address that duplicate address detection still looks at can be bound already.
            opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
            opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_DONT)
        else:
            opened.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
            # Large IKE messages may be fragmented on the way rather than be lost.
            opened.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DONT)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        _bypass(opened)
        prepare(opened)
        opened.bind((str(address), port))
    except OSError:
        opened.close()
        raise
    return opened


def _bypass(opened: socket.socket) -> None:
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
