"""What the daemon must be allowed to do, and must not, seen to before anything is touched."""

from __future__ import annotations

import resource
from pathlib import Path

CAPABILITIES = {
    12: ("CAP_NET_ADMIN", "routes, packet filters and the TUN device"),
    13: ("CAP_NET_RAW", "ESP as IP protocol 50"),
    10: ("CAP_NET_BIND_SERVICE", "UDP port 500"),
}
_BIND_SERVICE = 10


def forbid_core_dumps() -> None:
    """For good: after a crash the preshared keys and all session keys would lie in a file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def missing(
    status: Path = Path("/proc/self/status"),
    first_free_port: Path = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start"),
) -> list[tuple[str, str]]:
    """Names of the capabilities that are needed and not held, each with what it is needed for."""
    held = _effective(status)
    lacking = [number for number in CAPABILITIES if not held >> number & 1]
    if _BIND_SERVICE in lacking and _first_port(first_free_port) <= 500:
        lacking.remove(_BIND_SERVICE)
    return [CAPABILITIES[number] for number in lacking]


def _effective(status: Path) -> int:
    for line in status.read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _first_port(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 1024
