"""Packets that the system drops before the engine reads them, for want of room in a queue.

The engine is told of none of them, so they are read where the kernel counts them, when somebody
asks.  (The sockets tell theirs themselves: ``drop_receive_buffer``.)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TUN_QUEUE = "drop_tun_queue"
MEANINGS: Mapping[str, str] = {
    TUN_QUEUE: "Outbound: packets came faster than they were read from the TUN device.",
}

DEVICES = Path("/proc/self/net/dev")
_TX_DROPPED = 11  # its column


def read(interface: str, devices: Path = DEVICES) -> dict[str, int]:
    """By name; 0 where this system does not tell."""
    return {TUN_QUEUE: _transmit_drops(devices, interface)}


def _transmit_drops(table: Path, interface: str) -> int:
    try:
        lines = table.read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        name, _, rest = line.partition(":")
        if name.strip() == interface:
            return int(rest.split()[_TX_DROPPED])
    return 0
