"""Start a program to which the kernel refuses some system calls, as another kernel or a service
manager would: seccomp(2), then exec.

``command(TRANSMIT_RING)`` is what to put before the program's own command line.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ALLOW = 0x7FFF0000
SECCOMP_RET_ERRNO = 0x00050000
SECCOMP_RET_KILL_PROCESS = 0x80000000

LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER_AT, ARGUMENTS_AT = 0, 16  # in struct seccomp_data; an argument has eight octets

NUMBERS = {
    "x86_64": {"socket": 41, "setsockopt": 54, "bpf": 321},
    "aarch64": {"socket": 198, "setsockopt": 208, "bpf": 280},
}

SOL_PACKET, PACKET_TX_RING, PACKET_VNET_HDR = 263, 13, 15


@dataclass(frozen=True, slots=True)
class Refusal:
    """A system call by name, the values of its first arguments, None for any, and the error that
    it gets; 0: the process is killed."""

    call: str
    arguments: Sequence[int | None]
    error: int


PACKET_SOCKET = Refusal("socket", [socket.AF_PACKET], errno.EAFNOSUPPORT)
TRANSMIT_RING = Refusal("setsockopt", [None, SOL_PACKET, PACKET_TX_RING], errno.ENOPROTOOPT)
OFFLOAD_HEADER = Refusal("setsockopt", [None, SOL_PACKET, PACKET_VNET_HDR], errno.ENOPROTOOPT)


def command(*refusals: Refusal) -> list[str]:
    """The command line that starts another program with these refusals."""
    return [sys.executable, __file__, json.dumps([asdict(each) for each in refusals])]


def program(refusals: Sequence[Refusal]) -> bytes:
    """The filter: for each refusal a block that ends in it, or is left where something differs."""
    numbers = NUMBERS[os.uname().machine]
    octets = b""
    for refusal in refusals:
        tests = [(NUMBER_AT, numbers[refusal.call])]
        tests += [
            (ARGUMENTS_AT + 8 * place, value)
            for place, value in enumerate(refusal.arguments)
            if value is not None
        ]
        for left, (at, value) in zip(range(len(tests) - 1, -1, -1), tests, strict=True):
            octets += _instruction(LOAD_WORD, at)
            octets += _instruction(JUMP_IF_EQUAL, value, otherwise=2 * left + 1)
        refused = SECCOMP_RET_ERRNO | refusal.error if refusal.error else SECCOMP_RET_KILL_PROCESS
        octets += _instruction(RETURN, refused)
    return octets + _instruction(RETURN, SECCOMP_RET_ALLOW)


def _instruction(code: int, value: int, otherwise: int = 0) -> bytes:
    """A ``struct sock_filter``; ``otherwise``: how many to leave out where a value differs."""
    return struct.pack("=HBBI", code, 0, otherwise, value)


class Filter(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def refuse(refusals: Sequence[Refusal]) -> None:
    """For this process, and all that come of it."""
    octets = program(refusals)
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    loaded = Filter(len(octets) // 8, octets)
    if (
        libc.prctl(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero) != 0
        or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(loaded), zero, zero) != 0
    ):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter of system calls")


if __name__ == "__main__":
    refuse([Refusal(**each) for each in json.loads(sys.argv[1])])
    os.execv(sys.argv[2], sys.argv[2:])
