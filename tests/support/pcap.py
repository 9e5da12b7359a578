"""Captures made by hand: IP packets of both versions in one file."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address
from pathlib import Path

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet, Raw
from scapy.utils import RawPcapWriter

from gatewright.ike.machine import NAT_T_PORT, Address

_LINKTYPE_RAW = 101  # begins with an IP header of either version
_NON_ESP_MARKER = bytes(4)  # RFC 3948 section 2.2


def ike_packet(source: Address, destination: Address, message: bytes) -> Packet:
    """An IKE message in UDP and IP, with the marker where it goes to or from port 4500."""
    family = IP if isinstance(source.ip, IPv4Address) else IPv6
    marked = NAT_T_PORT in (source.port, destination.port)
    return (
        family(src=str(source.ip), dst=str(destination.ip))
        / UDP(sport=source.port, dport=destination.port)
        / Raw((_NON_ESP_MARKER if marked else b"") + message)
    )


def write_capture(path: Path, packets: Iterable[Packet]) -> None:
    with RawPcapWriter(str(path), linktype=_LINKTYPE_RAW) as writer:
        for packet in packets:
            writer.write(bytes(packet))
