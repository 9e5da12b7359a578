"""The right to make network namespaces: root's, or that of an unprivileged user namespace."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
from enum import Enum
from pathlib import Path

from gatewright.lab.errors import PrivilegeMissingError

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN = 12, 13, 21
NEEDED = {
    CAP_NET_ADMIN: "CAP_NET_ADMIN",
    CAP_NET_RAW: "CAP_NET_RAW",
    CAP_SYS_ADMIN: "CAP_SYS_ADMIN",
}
TUN = Path("/dev/net/tun")


class Privilege(Enum):
    """How this process may make namespaces."""

    ROOT = "root"
    USER_NAMESPACE = "an unprivileged user namespace"


def acquire() -> Privilege:
    """Make sure that this process may build a world, entering a user namespace if need be.

    The namespace is entered by the calling process itself, with a ``/run`` of its own, and stays;
    call it before the first thread is started.  Calling it again changes nothing.
    Raises ``PrivilegeMissingError`` with the reason when there is no way.
    """
    missing = _missing_capabilities()
    if os.geteuid() == 0 and not missing:
        privilege = Privilege.USER_NAMESPACE if _in_user_namespace() else Privilege.ROOT
    else:
        _enter_user_namespace(missing)
        privilege = Privilege.USER_NAMESPACE
    _check_tun()
    return privilege


def _missing_capabilities() -> list[str]:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            effective = int(line.split()[1], 16)
            return [name for bit, name in NEEDED.items() if not effective & (1 << bit)]
    return list(NEEDED.values())


def _in_user_namespace() -> bool:
    """The initial user namespace maps every identifier onto itself."""
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]


def _enter_user_namespace(missing: list[str]) -> None:
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0:
        raise PrivilegeMissingError(_refusal(uid, missing, ctypes.get_errno()))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    # Named namespaces lie in /run/netns, which belongs to the machine's root.
    for command in (
        ["mount", "--make-rprivate", "/"],
        ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"],
        ["ip", "link", "set", "lo", "up"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PrivilegeMissingError(
                f"inside the user namespace `{' '.join(command)}` is refused"
                f" ({done.stderr.strip()}); run as root"
            )


def _refusal(uid: int, missing: list[str], error: int) -> str:
    who = f"this is user {uid}" if uid != 0 else f"this root lacks {', '.join(missing)}"
    reasons = {
        errno.EPERM: "the system forbids user namespaces to it (sysctl"
        " kernel.unprivileged_userns_clone, AppArmor, a container's seccomp profile, or a chroot)",
        errno.ENOSPC: "sysctl user.max_user_namespaces allows no more",
        errno.EINVAL: "this process already has threads",
    }
    reason = reasons.get(error, os.strerror(error))
    return (
        f"network namespaces need root or an unprivileged user namespace: {who}, and {reason};"
        " run as root (in a container: with NET_ADMIN, NET_RAW and SYS_ADMIN)"
    )


def _check_tun() -> None:
    try:
        os.close(os.open(TUN, os.O_RDWR))
    except OSError as error:
        raise PrivilegeMissingError(
            f"{TUN} cannot be opened ({error.strerror}); a gateway needs it"
            " (in a container: --device /dev/net/tun)"
        ) from None
