"""One gateway in a network namespace: its table, rules and device have fixed names."""

from __future__ import annotations

import errno
import socket

from gatewright.host.names import HostError, HostNames


class NamespaceClaim:
    """Held from ``acquire`` until ``release`` or the end of the process.

    A name in the abstract socket namespace, which each network namespace has for itself and which
    the kernel takes back by itself.
    """

    def __init__(self, names: HostNames) -> None:
        self._name = f"\0gatewright.{names.nft_table}"
        self._socket: socket.socket | None = None

    def acquire(self) -> None:
        """Raises HostError when another gateway runs in this namespace."""
        claiming = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            claiming.bind(self._name)
        except OSError as error:
            claiming.close()
            if error.errno == errno.EADDRINUSE:
                raise HostError(
                    "Another gateway runs in this network namespace, with another control socket. "
                    "Stop it, or run this one in a namespace of its own."
                ) from None
            raise HostError(f"The namespace cannot be claimed: {error.strerror}.") from error
        self._socket = claiming

    def release(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
