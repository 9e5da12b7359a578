"""Reads and sets kernel settings under /proc/sys, and remembers what they were."""

from __future__ import annotations

from pathlib import Path

from gatewright.host.names import HostError

_ROOT = Path("/proc/sys")


def read(name: str, root: Path = _ROOT) -> str | None:
    """The value of e.g. ``net/ipv4/ip_forward``, or None when the kernel does not have it."""
    try:
        return (root / name).read_text().strip()
    except OSError:
        return None


def write(name: str, value: str, root: Path = _ROOT) -> str | None:
    """Set it unless it has that value.  Gives the former value when something was changed.

    Raises:
        HostError: the kernel, or a read-only /proc, refuses.
    """
    former = read(name, root)
    if former == value:
        return None
    try:
        (root / name).write_text(value)
    except OSError as error:
        raise HostError(
            f"Setting {name.replace('/', '.')} to {value} failed: {error.strerror}. "
            "Set it outside (a container may need --sysctl)."
        ) from error
    return former
