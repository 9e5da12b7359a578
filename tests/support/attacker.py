"""Somebody on the Internet segment of a world, who puts any IPv4 packet there, whoever's it claims
to be."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from gatewright.lab.namespace import Namespace
from gatewright.lab.packets import ESP, ICMP, UDP, parse_frame
from gatewright.lab.traffic import internet_checksum
from gatewright.lab.world import World

IKE_PORT, NAT_T_PORT = 500, 4500
MARKER = bytes(4)
_MAC = b"\x02\0\0\0\0\x99"
_ETHERTYPE = b"\x08\x00"
_FRAGMENT = 1400
_MORE_FRAGMENTS = 0x2000
_FILE_HEADER, _RECORD_HEADER = 24, 16  # of a pcap file


@dataclass(frozen=True, slots=True)
class Flight:
    """An IKE message or ESP packet that was seen: from whom to whom, and its octets."""

    source: str
    destination: str
    payload: bytes


class Attacker:
    """``peer`` and ``victim`` are the gateways' addresses; what is sent goes to gateway A, and
    claims to come from gateway B unless told otherwise."""

    def __init__(self, world: World) -> None:
        self.victim = world.ipv4.a.external
        self.peer = world.ipv4.b.external
        self.stranger = world.ipv4.internet
        self._target = mac_address(world.gateway_a, "wan")
        self._identification = 1
        self._socket = world.internet.call(_packet_socket)
        world.at_end(self._socket.close)

    def ike(
        self, payload: bytes, *, source: str = "", port: int = IKE_PORT, from_port: int = 0
    ) -> None:
        """An IKE message to port 500, or to 4500 behind the non-ESP marker."""
        octets = MARKER + payload if port == NAT_T_PORT else payload
        self.udp(octets, port, source=source, from_port=from_port or port)

    def udp(self, payload: bytes, port: int, *, source: str = "", from_port: int = 0) -> None:
        header = struct.pack("!HHHH", from_port or port, port, 8 + len(payload), 0)
        self.ip(UDP, header + payload, source=source)

    def esp(self, payload: bytes, *, source: str = "") -> None:
        self.ip(ESP, payload, source=source)

    def icmp(self, kind: int, code: int, rest: bytes, quoted: bytes, *, source: str = "") -> None:
        """An ICMP error that quotes a packet; ``rest`` are the four octets before the quotation."""
        message = struct.pack("!BBH", kind, code, 0) + rest + quoted
        checksum = struct.pack("!H", internet_checksum(message))
        self.ip(ICMP, message[:2] + checksum + message[4:], source=source or self.stranger)

    def ip(self, protocol: int, payload: bytes, *, source: str = "", destination: str = "") -> None:
        """A packet, in fragments if it is too large."""
        for offset, piece, more in _pieces(payload):
            self.fragment(
                protocol, piece, offset, more=more, source=source, destination=destination
            )
        self._identification += 1

    def fragment(
        self,
        protocol: int,
        piece: bytes,
        offset: int,
        *,
        more: bool,
        source: str = "",
        destination: str = "",
    ) -> None:
        """One fragment at ``offset``; those until the next `ip` belong together."""
        flags = (_MORE_FRAGMENTS if more else 0) | offset // 8
        header = ip_header(
            protocol,
            source or self.peer,
            destination or self.victim,
            len(piece),
            self._identification & 0xFFFF,
            flags,
        )
        self._socket.send(self._target + _MAC + _ETHERTYPE + header + piece)


def ip_header(
    protocol: int,
    source: str,
    destination: str,
    length: int,
    identification: int = 0,
    fragment: int = 0,
) -> bytes:
    """An IPv4 header for ``length`` octets."""
    header = struct.pack(
        "!BBHHHBBH4s4s",
        *(0x45, 0, 20 + length, identification, fragment, 64, protocol, 0),
        IPv4Address(source).packed,
        IPv4Address(destination).packed,
    )
    return header[:10] + struct.pack("!H", internet_checksum(header)) + header[12:]


def seen(path: Path) -> tuple[list[Flight], list[Flight]]:
    """IKE messages (without marker) and ESP packets of a capture."""
    ike: list[Flight] = []
    esp: list[Flight] = []
    for frame in frames(path):
        packet = parse_frame(frame)
        if packet is None or not packet.first_fragment:
            continue
        ends = str(packet.source), str(packet.destination)
        if packet.protocol == ESP:
            esp.append(Flight(*ends, packet.payload))
        elif packet.protocol == UDP:
            length = int.from_bytes(packet.payload[4:6], "big")
            ike.append(Flight(*ends, packet.payload[8:length]))
    return ike, esp


def frames(path: Path) -> Iterator[bytes]:
    """The frames of a capture of the lab, oldest first."""
    octets, position = path.read_bytes(), _FILE_HEADER
    while position + _RECORD_HEADER <= len(octets):
        (length,) = struct.unpack_from("=I", octets, position + 8)
        position += _RECORD_HEADER
        yield octets[position : position + length]
        position += length


def mac_address(namespace: Namespace, interface: str) -> bytes:
    (link,) = json.loads(namespace.run(["ip", "-json", "link", "show", interface]))
    return bytes.fromhex(link["address"].replace(":", ""))


def _packet_socket() -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    made.bind(("segment", 0))
    return made


def _pieces(payload: bytes) -> Iterator[tuple[int, bytes, bool]]:
    starts: Sequence[int] = range(0, max(len(payload), 1), _FRAGMENT)
    for start in starts:
        yield start, payload[start : start + _FRAGMENT], start + _FRAGMENT < len(payload)
