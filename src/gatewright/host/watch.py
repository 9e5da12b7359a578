"""Hears when somebody else changes what a gateway stands on: links, addresses, rules, nftables.

An address that went takes the routes with it that name it as source, a TUN device that is set down
all of its routes; ``nft flush ruleset`` or ``ip rule flush`` take the guards and the steering away.
Whoever listens puts them back.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from gatewright.host.names import HostError

_NETLINK_NETFILTER = 12
# linux/rtnetlink.h: RTNLGRP_LINK, _IPV4_IFADDR, _IPV6_IFADDR, _IPV4_RULE, _IPV6_RULE
_ROUTE_GROUPS = (1, 5, 9, 8, 19)
_NFTABLES_GROUP = 7  # linux/netfilter/nfnetlink.h: NFNLGRP_NFTABLES
_BUFFER = 65536


class Watch:
    """Calls ``changed`` once for a burst of changes, ``settle`` seconds after its begin."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        changed: Callable[[], None],
        settle: float = 0.2,
    ) -> None:
        self._loop = loop
        self._changed = changed
        self._settle = settle
        self._due: asyncio.TimerHandle | None = None
        self._sockets: list[socket.socket] = []

    def open(self) -> None:
        """Raises HostError."""
        try:
            self._listen(socket.NETLINK_ROUTE, _ROUTE_GROUPS)
            self._listen(_NETLINK_NETFILTER, (_NFTABLES_GROUP,))
        except OSError as error:
            self.close()
            raise HostError(
                f"Changes of the network configuration cannot be heard: {error.strerror}."
            ) from error

    def close(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        for each in self._sockets:
            self._loop.remove_reader(each)
            each.close()
        self._sockets = []

    def _listen(self, protocol: int, groups: tuple[int, ...]) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        listening = socket.socket(socket.AF_NETLINK, kind, protocol)
        self._sockets.append(listening)
        listening.bind((0, sum(1 << (group - 1) for group in groups)))
        self._loop.add_reader(listening, self._readable, listening)

    def _readable(self, listening: socket.socket) -> None:
        while True:
            try:
                listening.recv(_BUFFER)
            except BlockingIOError:
                break
            except OSError:
                continue  # ENOBUFS: more happened than fitted, which is news as well
        if self._due is None:
            self._due = self._loop.call_later(self._settle, self._tell)

    def _tell(self) -> None:
        self._due = None
        self._changed()
