"""Keeping a NAT's mapping alive (RFC 3948 section 4): by the side that is behind it."""

from __future__ import annotations

from gatewright.ike.machine import Datagram
from gatewright.ike.outputs import SendNatKeepalive
from gatewright.ike.v1.core import Core


class Keepalive:
    """Sends one every ``nat_keepalive`` seconds while a NAT hides this side."""

    def __init__(self, core: Core, now: float) -> None:
        self._core = core
        self._at = now + core.context.timing.nat_keepalive

    def next_timeout(self) -> float | None:
        path = self._core.path
        return self._at if path.nat.hides_us and path.floated else None

    def handle_timeout(self, now: float) -> None:
        due = self.next_timeout()
        if due is None or now < due:
            return
        path = self._core.path
        self._core.emit(SendNatKeepalive(Datagram(path.local, path.remote, b"")))
        self._at = now + self._core.context.timing.nat_keepalive
