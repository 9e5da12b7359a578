"""Packets that the system drops before or behind the engine: for want of room in a queue.

The engine is told of none of them, so they are read where the kernel counts them, when somebody
asks: the TUN device's transmit queue, and the receive buffers of the sockets for ESP.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

TUN_QUEUE = "drop_tun_queue"
UDP_BUFFER = "drop_udp_buffer"
ESP_BUFFER = "drop_esp_buffer"
MEANINGS: Mapping[str, str] = {
    TUN_QUEUE: "Outbound: packets came faster than they were read from the TUN device.",
    UDP_BUFFER: "Inbound: the receive buffer of UDP port 4500 was full.",
    ESP_BUFFER: "Inbound: the receive buffer of protocol 50 was full.",
}

NET = Path("/proc/self/net")
_TX_DROPPED = 11  # column of /proc/net/dev
_PROTOCOL_50 = 50  # stands where a raw socket has no port


def read(interface: str, port: int, net: Path = NET) -> dict[str, int]:
    """By name; 0 where this system does not tell."""
    return {
        TUN_QUEUE: _transmit_drops(net / "dev", interface),
        UDP_BUFFER: _socket_drops((net / "udp", net / "udp6"), port),
        ESP_BUFFER: _socket_drops((net / "raw", net / "raw6"), _PROTOCOL_50),
    }


def _transmit_drops(table: Path, interface: str) -> int:
    for line in _lines(table):
        name, _, rest = line.partition(":")
        if name.strip() == interface:
            return int(rest.split()[_TX_DROPPED])
    return 0


def _socket_drops(tables: tuple[Path, ...], port: int) -> int:
    total = 0
    for table in tables:
        for line in _lines(table):
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port:
                total += int(fields[-1])
    return total


def _lines(table: Path) -> Iterator[str]:
    """Without the headings: the first word of every other line has a colon."""
    try:
        text = table.read_text()
    except OSError:
        return
    for line in text.splitlines():
        if ":" in line.partition("|")[0].strip().partition(" ")[0]:
            yield line
