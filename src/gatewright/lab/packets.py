"""What a frame on the Internet segment is: the judge behind every capture of a world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IPNetwork = IPv4Network | IPv6Network
IPAddress = IPv4Address | IPv6Address

ETHERNET_HEADER = 14
ETHERTYPE_IPV4, ETHERTYPE_IPV6 = b"\x08\x00", b"\x86\xdd"
ICMP, TCP, UDP, ESP, AH, ICMPV6 = 1, 6, 17, 50, 51, 58
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60
PORT_IKE, PORT_NAT_T = 500, 4500
NEIGHBOUR_TYPES = range(130, 138)  # MLD and neighbour discovery (RFC 2710, RFC 4861)
MLD_V2_REPORT = 143


class Kind(Enum):
    """How one frame counts.  ``CLEAR`` is what must never be seen while a policy is assigned."""

    ISAKMP = "ISAKMP"
    ESP = "ESP"
    UDP_ESP = "ESP in UDP"
    KEEPALIVE = "NAT keepalive"
    AH = "AH"
    CLEAR = "clear"
    ICMP = "ICMP between the gateways"
    NEIGHBOUR = "neighbour discovery"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class IpPacket:
    """The part of an IP packet that is looked at.  ``protocol`` is behind extension headers."""

    source: IPAddress
    destination: IPAddress
    protocol: int
    first_fragment: bool
    payload: bytes


def parse_frame(frame: bytes) -> IpPacket | None:
    """An Ethernet frame's IP packet; None when it carries none or a broken one."""
    packet = frame[ETHERNET_HEADER:]
    match frame[12:14]:
        case b"\x08\x00":
            return _parse_ipv4(packet)
        case b"\x86\xdd":
            return _parse_ipv6(packet)
        case _:
            return None


def _parse_ipv4(packet: bytes) -> IpPacket | None:
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return None
    header = (packet[0] & 0x0F) * 4
    offset = int.from_bytes(packet[6:8], "big") & 0x1FFF
    return IpPacket(
        ip_address(packet[12:16]),
        ip_address(packet[16:20]),
        packet[9],
        offset == 0,
        packet[header:],
    )


def _parse_ipv6(packet: bytes) -> IpPacket | None:
    if len(packet) < 40 or packet[0] >> 4 != 6:
        return None
    protocol, rest, first = packet[6], packet[40:], True
    while protocol in (HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION) and len(rest) >= 8:
        length = 8 if protocol == FRAGMENT else (rest[1] + 1) * 8
        if protocol == FRAGMENT:
            first = int.from_bytes(rest[2:4], "big") >> 3 == 0
        protocol, rest = rest[0], rest[length:]
    return IpPacket(ip_address(packet[8:24]), ip_address(packet[24:40]), protocol, first, rest)


def classify(frame: bytes, protected: Sequence[IPNetwork]) -> Kind:
    """``protected``: the networks of which no address may be seen in an outer header."""
    packet = parse_frame(frame)
    if packet is None:
        return Kind.NEIGHBOUR if frame[12:14] == b"\x08\x06" else Kind.OTHER
    if any(packet.source in net or packet.destination in net for net in protected):
        return Kind.CLEAR
    match packet.protocol:
        case 50:
            return Kind.ESP
        case 51:
            return Kind.AH
        case 17:
            return _classify_udp(packet)
        case 1:
            return Kind.ICMP
        case 58:
            kind = packet.payload[:1]
            neighbour = kind and (kind[0] in NEIGHBOUR_TYPES or kind[0] == MLD_V2_REPORT)
            return Kind.NEIGHBOUR if neighbour else Kind.ICMP
        case _:
            return Kind.OTHER


def _classify_udp(packet: IpPacket) -> Kind:
    """RFC 3948 section 2: what the first octets behind UDP port 4500 mean."""
    if not packet.first_fragment or len(packet.payload) < 8:
        return Kind.OTHER
    ports = {
        int.from_bytes(packet.payload[0:2], "big"),
        int.from_bytes(packet.payload[2:4], "big"),
    }
    data = packet.payload[8:]
    if PORT_IKE in ports:
        return Kind.ISAKMP
    if PORT_NAT_T not in ports:
        return Kind.OTHER
    if int.from_bytes(packet.payload[4:6], "big") == 9 and data[:1] == b"\xff":
        return Kind.KEEPALIVE
    return Kind.ISAKMP if data[:4] == bytes(4) else Kind.UDP_ESP


def contains_header(frame: bytes, protected: Sequence[IPNetwork]) -> bool:
    """Whether two adjacent addresses of different protected networks stand anywhere in a frame.

    Networks whose prefix ends on an octet; 48 bits or more have to agree, so that ciphertext does
    so by chance once in millions of millions of frames.
    """
    for one in protected:
        for other in protected:
            if one is other or one.version != other.version:
                continue
            prefix, next_prefix = _prefix(one), _prefix(other)
            begin = frame.find(prefix)
            while begin >= 0:
                if frame.startswith(next_prefix, begin + one.max_prefixlen // 8):
                    return True
                begin = frame.find(prefix, begin + 1)
    return False


def _prefix(network: IPNetwork) -> bytes:
    return network.network_address.packed[: network.prefixlen // 8]


@dataclass(slots=True)
class Tally:
    """Counts of a capture.  ``lost``: frames that the kernel could not hand over.

    ``readable``: frames of any kind that contain an IP header between the protected networks, as
    it stands: clear, or wrapped up without being encrypted.
    """

    counts: Counter[Kind] = field(default_factory=Counter)
    clear: list[str] = field(default_factory=list)
    lost: int = 0
    readable: int = 0

    def add(self, frame: bytes, protected: Sequence[IPNetwork]) -> None:
        kind = classify(frame, protected)
        self.counts[kind] += 1
        self.readable += contains_header(frame, protected)
        packet = parse_frame(frame)
        if kind is Kind.CLEAR and packet is not None and len(self.clear) < 20:
            self.clear.append(
                f"{packet.source} to {packet.destination}, protocol {packet.protocol}"
            )

    @property
    def protected(self) -> int:
        """Frames that carried ESP, in whatever form."""
        return self.counts[Kind.ESP] + self.counts[Kind.UDP_ESP]

    @property
    def sealed(self) -> bool:
        """Whether nothing could be read on the way and nothing was missed."""
        return self.counts[Kind.CLEAR] == 0 and self.readable == 0 and self.lost == 0

    @property
    def complaint(self) -> str:
        """Why it is not sealed, for people."""
        if self.clear:
            return f"{self.counts[Kind.CLEAR]} packets in clear: {'; '.join(self.clear)}"
        if self.readable:
            return f"{self.readable} packets whose content can be read, though in ESP or ISAKMP"
        return f"{self.lost} frames that the capture missed" if self.lost else ""


def tally(frames: Iterable[bytes], protected: Sequence[IPNetwork]) -> Tally:
    result = Tally()
    for frame in frames:
        result.add(frame, protected)
    return result
