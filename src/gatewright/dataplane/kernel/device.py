"""The device that routes lead to, so that the kernel looks the policy up.

Nobody reads from it.  A packet that the policy protects gets a route with IPsec in it, past the
device; what the kernel has no policy for ends there.  It is the same persistent TUN device that
the user-space engine reads from, so that the way into the tunnel does not depend on the engine.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import struct
from pathlib import Path

from gatewright.dataplane.interface import DataPlaneError

LARGEST_MTU = 65535
"""The path MTU is that of the way to the peer: the device must not limit it."""
# linux/if_tun.h, linux/sockios.h
_TUN = "/dev/net/tun"
_TUNSETIFF, _TUNSETPERSIST = 0x400454CA, 0x400454CB
_IFF_TUN, _IFF_MULTI_QUEUE, _IFF_NO_PI, _IFF_VNET_HDR = 0x1, 0x100, 0x1000, 0x4000
_SIOCSIFMTU = 0x8922
_REQUEST = struct.Struct("=16sH22x")
_MTU_REQUEST = struct.Struct("=16si20x")


class Device:
    """Held open while the data plane is: a TUN device that nobody holds has no carrier."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._file: int | None = None

    def open(self) -> None:
        """Make it, or take over the one that is there.  Raises DataPlaneError."""
        if self._file is not None:
            return
        try:
            held = os.open(_TUN, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise DataPlaneError(f"{_TUN} cannot be opened: {error.strerror}.") from None
        try:
            _attach(held, self.name)
            fcntl.ioctl(held, _TUNSETPERSIST, 1)
            _keep_ipv6_silent(self.name)
            _set_mtu(self.name, LARGEST_MTU)
        except OSError as error:
            os.close(held)
            raise DataPlaneError(_explain(self.name, error)) from None
        self._file = held

    def close(self, *, remove: bool) -> None:
        if self._file is None:
            return
        if remove:
            try:
                fcntl.ioctl(self._file, _TUNSETPERSIST, 0)
            except OSError as error:
                if error.errno != errno.EBADFD:  # somebody took the device away
                    raise DataPlaneError(_explain(self.name, error)) from None
        os.close(self._file)
        self._file = None


def _attach(held: int, name: str) -> None:
    """With one queue; one that the user-space engine left may have more, and wants to hear so."""
    flags = _IFF_TUN | _IFF_NO_PI | _IFF_VNET_HDR
    try:
        fcntl.ioctl(held, _TUNSETIFF, _REQUEST.pack(name.encode(), flags))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        many = flags | _IFF_MULTI_QUEUE
        fcntl.ioctl(held, _TUNSETIFF, _REQUEST.pack(name.encode(), many))


def _keep_ipv6_silent(name: str) -> None:
    """No link-local address, and so no router solicitations into the tunnel.  Best effort."""
    with contextlib.suppress(OSError):
        Path(f"/proc/sys/net/ipv6/conf/{name}/addr_gen_mode").write_text("1")


def _set_mtu(name: str, mtu: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFMTU, _MTU_REQUEST.pack(name.encode(), mtu))


def _explain(name: str, error: OSError) -> str:
    what = f"The device {name} cannot be made: {error.strerror}."
    if error.errno == errno.EBUSY:
        return f"{what} Another process has it: a second gateway in this network namespace?"
    if error.errno == errno.EINVAL:
        return f"{what} There is another interface of that name."
    return what
