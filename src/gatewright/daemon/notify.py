"""Tells systemd how the daemon fares: the protocol of sd_notify(3), a datagram to a Unix socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Does nothing when no service manager asked (``NOTIFY_SOCKET``)."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the abstract namespace.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        microseconds = environment.get("WATCHDOG_USEC", "")
        addressed = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._watchdog = int(microseconds) / 1e6 if microseconds.isdigit() and addressed else None

    @property
    def watchdog_interval(self) -> float | None:
        """Seconds between two signs of life, half of what is allowed; None when none are wanted."""
        return self._watchdog / 2 if self._watchdog else None

    def ready(self) -> None:
        self._send("READY=1")

    def reloading(self, monotonic_microseconds: int) -> None:
        self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_microseconds}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        self._send(f"STATUS={text}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            try:
                out.sendto(message.encode(), self._address)
            except OSError:
                return  # the service manager is gone; the gateway works on
