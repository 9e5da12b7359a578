"""The structures of XFRM netlink messages (linux/xfrm.h): octets to frozen values and back.

Numbers are in the machine's byte order, addresses, ports and SPIs in the network's.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_network
from socket import AF_INET, AF_INET6

from gatewright.ipsec.selectors import IPAddress, IPNetwork

ESP = 50
TUNNEL_MODE = 1
UNLIMITED = 2**64 - 1
ANY_ALGORITHM = 2**32 - 1


class Kind(IntEnum):
    """Message types (XFRM_MSG_...)."""

    NEW_SA = 0x10
    DELETE_SA = 0x11
    GET_SA = 0x12
    NEW_POLICY = 0x13
    DELETE_POLICY = 0x14
    GET_POLICY = 0x15
    ALLOCATE_SPI = 0x16
    ACQUIRE = 0x17
    EXPIRE = 0x18
    UPDATE_POLICY = 0x19
    UPDATE_SA = 0x1A
    FLUSH_SA = 0x1C
    FLUSH_POLICY = 0x1D
    MAPPING = 0x26


class Attribute(IntEnum):
    """XFRMA_..."""

    CIPHER = 2  # ALG_CRYPT
    ENCAPSULATION = 4
    TEMPLATE = 5
    REPLAY = 10  # REPLAY_VAL
    LAST_USED = 15
    AEAD = 18
    INTEGRITY = 20  # ALG_AUTH_TRUNC
    REPLAY_EXTENDED = 23  # REPLAY_ESN_VAL
    OUTPUT_MARK = 29  # SET_MARK
    OUTPUT_MARK_MASK = 30


class Way(IntEnum):
    """The direction of a policy (XFRM_POLICY_...)."""

    IN = 0
    OUT = 1
    FORWARD = 2


class Verdict(IntEnum):
    """What a policy does; ALLOW with a template protects."""

    ALLOW = 0
    BLOCK = 1


class Flag(IntEnum):
    """Of an SA (XFRM_STATE_...)."""

    ANY_FAMILY = 32  # AF_UNSPEC: what is inside may be of either IP version
    EXTENDED_SEQUENCE = 128


_SELECTOR = struct.Struct("=16s16s2s2s2s2sHBBB3xiI")
_LIMITS = struct.Struct("=8Q")
_CURRENT = struct.Struct("=4Q")
_ID = struct.Struct("=16s4sB3x")
_SA = struct.Struct(f"={_SELECTOR.size}s{_ID.size}s16s64s32s3IIIHBBB7x")
_SA_ID = struct.Struct("=16s4sHBx")
_POLICY = struct.Struct(f"={_SELECTOR.size}s64s32sIIBBBB4x")
_POLICY_ID = struct.Struct(f"={_SELECTOR.size}sIB3x")
_TEMPLATE = struct.Struct(f"={_ID.size}sH2x16sIBBBxIII")
_ENCAPSULATION = struct.Struct("=H2s2s2x16s")
_REPLAY = struct.Struct("=III")
_REPLAY_EXTENDED = struct.Struct("=6I")
_ACQUIRE = struct.Struct(f"={_ID.size}s16s{_SELECTOR.size}s{_POLICY.size}sIIII")
_MAPPING = struct.Struct(f"={_SA_ID.size}sI16s16s2s2s")

SELECTOR_SIZE = _SELECTOR.size
SA_SIZE = _SA.size
POLICY_SIZE = _POLICY.size
POLICY_ID_SIZE = _POLICY_ID.size
ACQUIRE_SIZE = _ACQUIRE.size
MAPPING_SIZE = _MAPPING.size
EXPIRE_SIZE = SA_SIZE + 8


@dataclass(frozen=True, slots=True)
class Masked:
    """A 16-bit field of a selector: what it is where the mask has ones."""

    value: int = 0
    mask: int = 0


ANY_PORT = Masked()


@dataclass(frozen=True, slots=True)
class KernelSelector:
    """Which packets: one prefix and one masked port a side.

    For ICMP the source port is the type, the destination port the code.
    """

    source: IPNetwork
    destination: IPNetwork
    protocol: int = 0
    source_port: Masked = ANY_PORT
    destination_port: Masked = ANY_PORT

    def pack(self) -> bytes:
        return _SELECTOR.pack(
            pack_address(self.destination.network_address),
            pack_address(self.source.network_address),
            _be(self.destination_port.value),
            _be(self.destination_port.mask),
            _be(self.source_port.value),
            _be(self.source_port.mask),
            family(self.source.network_address),
            self.destination.prefixlen,
            self.source.prefixlen,
            self.protocol,
            0,
            0,
        )

    @classmethod
    def unpack(cls, data: bytes) -> KernelSelector | None:
        """None for one that is of neither IP version, or cannot be."""
        fields = _SELECTOR.unpack_from(data)
        destination, source, dport, dmask, sport, smask, af, dlen, slen, protocol, _, _ = fields
        longest = {AF_INET: 32, AF_INET6: 128}.get(af, -1)
        if max(dlen, slen) > longest:
            return None
        return cls(
            ip_network((unpack_address(source, af), slen), strict=False),
            ip_network((unpack_address(destination, af), dlen), strict=False),
            protocol,
            Masked(int.from_bytes(sport), int.from_bytes(smask)),
            Masked(int.from_bytes(dport), int.from_bytes(dmask)),
        )


NO_SELECTOR = bytes(SELECTOR_SIZE)


@dataclass(frozen=True, slots=True)
class Limits:
    """Octets and packets after which to tell, and after which to stop."""

    soft_octets: int = UNLIMITED
    hard_octets: int = UNLIMITED
    soft_packets: int = UNLIMITED
    hard_packets: int = UNLIMITED

    def pack(self) -> bytes:
        octets = (self.soft_octets, self.hard_octets)
        return _LIMITS.pack(*octets, self.soft_packets, self.hard_packets, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class SaHead:
    """What a message about one SA begins with.  ``selector`` is packed."""

    source: IPAddress
    destination: IPAddress
    spi: int
    reqid: int
    selector: bytes = NO_SELECTOR
    limits: Limits = Limits()
    replay_window: int = 0
    flags: int = 0
    sequence: int = 0

    def pack(self) -> bytes:
        return _SA.pack(
            self.selector,
            _ID.pack(pack_address(self.destination), self.spi.to_bytes(4), ESP),
            pack_address(self.source),
            self.limits.pack(),
            bytes(32),
            *(0, 0, 0),
            self.sequence,
            self.reqid,
            family(self.destination),
            TUNNEL_MODE,
            self.replay_window,
            self.flags,
        )


@dataclass(frozen=True, slots=True)
class SaSeen:
    """An SA as the kernel shows it; ``spi`` 0 is one that waits for a negotiation."""

    source: IPAddress
    destination: IPAddress
    spi: int
    protocol: int
    reqid: int
    octets: int
    packets: int
    first_used: int
    replay_errors: int
    replay_window_errors: int
    integrity_errors: int
    sequence: int
    selector: KernelSelector | None


def unpack_sa(data: bytes) -> SaSeen | None:
    """The beginning of a message about an SA; None when it is cut short or of no IP version."""
    if len(data) < SA_SIZE:
        return None
    fields = _SA.unpack_from(data)
    selector, identity, source, _, current, window, replay, integrity = fields[:8]
    sequence, reqid, af = fields[8:11]
    if af not in (AF_INET, AF_INET6):
        return None
    destination, spi, protocol = _ID.unpack(identity)
    octets, packets, _, first_used = _CURRENT.unpack(current)
    return SaSeen(
        unpack_address(source, af),
        unpack_address(destination, af),
        int.from_bytes(spi),
        protocol,
        reqid,
        octets,
        packets,
        first_used,
        replay,
        window,
        integrity,
        sequence,
        KernelSelector.unpack(selector),
    )


def pack_sa_id(destination: IPAddress, spi: int) -> bytes:
    """What names one SA."""
    return _SA_ID.pack(pack_address(destination), spi.to_bytes(4), family(destination), ESP)


def unpack_sa_id(data: bytes) -> tuple[IPAddress, int] | None:
    """The destination and the SPI of an ESP SA; None when it is cut short or another."""
    if len(data) < _SA_ID.size:
        return None
    destination, spi, af, protocol = _SA_ID.unpack_from(data)
    if af not in (AF_INET, AF_INET6) or protocol != ESP:
        return None
    return unpack_address(destination, af), int.from_bytes(spi)


@dataclass(frozen=True, slots=True)
class PolicyHead:
    """What a message about a policy begins with."""

    selector: KernelSelector
    way: Way
    verdict: Verdict
    priority: int
    index: int = 0

    def pack(self) -> bytes:
        return _POLICY.pack(
            self.selector.pack(),
            Limits().pack(),
            bytes(32),
            self.priority,
            self.index,
            self.way,
            self.verdict,
            0,
            0,
        )


def unpack_policy(data: bytes) -> PolicyHead | None:
    """None when it is cut short, a socket's own, or of no IP version."""
    if len(data) < POLICY_SIZE:
        return None
    selector, _, _, priority, index, way, verdict, _, _ = _POLICY.unpack_from(data)
    unpacked = KernelSelector.unpack(selector)
    if unpacked is None or way not in list(Way) or verdict not in list(Verdict):
        return None
    return PolicyHead(unpacked, Way(way), Verdict(verdict), priority, index)


def pack_policy_id(selector: KernelSelector, way: Way) -> bytes:
    """What names one policy."""
    return _POLICY_ID.pack(selector.pack(), 0, way)


@dataclass(frozen=True, slots=True)
class Template:
    """The tunnel that a policy asks for."""

    source: IPAddress
    destination: IPAddress
    reqid: int

    def pack(self) -> bytes:
        anything = (ANY_ALGORITHM,) * 3
        return _TEMPLATE.pack(
            _ID.pack(pack_address(self.destination), bytes(4), ESP),
            family(self.destination),
            pack_address(self.source),
            self.reqid,
            TUNNEL_MODE,
            0,
            0,
            *anything,
        )


def unpack_template(data: bytes) -> Template | None:
    """The first template of an attribute; None when there is none, or of no IP version."""
    if len(data) < _TEMPLATE.size:
        return None
    identity, af, source, reqid = _TEMPLATE.unpack_from(data)[:4]
    if af not in (AF_INET, AF_INET6):
        return None
    destination, _, _ = _ID.unpack(identity)
    return Template(unpack_address(source, af), unpack_address(destination, af), reqid)


def pack_encapsulation(source_port: int, destination_port: int) -> bytes:
    """ESP in UDP (RFC 3948)."""
    esp_in_udp = 2
    return _ENCAPSULATION.pack(esp_in_udp, _be(source_port), _be(destination_port), bytes(16))


@dataclass(frozen=True, slots=True)
class Replay:
    """Sequence numbers, sent and received, and the window: ``bitmap`` is packed words."""

    sent: int = 0
    received: int = 0
    window: int = 0
    bitmap: bytes = b""

    def pack(self) -> bytes:
        words = -(-self.window // 32)
        low = 2**32 - 1
        head = _REPLAY_EXTENDED.pack(
            words,
            self.sent & low,
            self.received & low,
            self.sent >> 32,
            self.received >> 32,
            self.window,
        )
        return head + self.bitmap.ljust(words * 4, b"\0")[: words * 4]


def unpack_replay(extended: bytes | None, plain: bytes | None) -> Replay:
    """From the attribute that the kernel gave; zeros when it gave none."""
    if extended is not None and len(extended) >= _REPLAY_EXTENDED.size:
        _, sent, received, sent_high, received_high, window = _REPLAY_EXTENDED.unpack_from(extended)
        bitmap = extended[_REPLAY_EXTENDED.size :]
        return Replay(sent_high << 32 | sent, received_high << 32 | received, window, bitmap)
    if plain is not None and len(plain) >= _REPLAY.size:
        sent, received, bits = _REPLAY.unpack_from(plain)
        return Replay(sent, received, 32, struct.pack("=I", bits))
    return Replay()


@dataclass(frozen=True, slots=True)
class AcquireSeen:
    """Somebody's packet needs an SA.  ``selector`` is the packet's."""

    source: IPAddress
    destination: IPAddress
    selector: KernelSelector
    sequence: int


def unpack_acquire(data: bytes) -> AcquireSeen | None:
    if len(data) < ACQUIRE_SIZE:
        return None
    identity, source, selector, _, _, _, _, sequence = _ACQUIRE.unpack_from(data)
    packet = KernelSelector.unpack(selector)
    if packet is None:
        return None
    destination, _, _ = _ID.unpack(identity)
    # The outer addresses may be of the other IP version: the template has them with theirs.
    af = family(packet.source.network_address)
    return AcquireSeen(
        unpack_address(source, af), unpack_address(destination, af), packet, sequence
    )


@dataclass(frozen=True, slots=True)
class MappingSeen:
    """Authentic ESP in UDP came from another address or port."""

    spi: int
    remote: IPAddress
    remote_port: int


def unpack_mapping(data: bytes) -> MappingSeen | None:
    if len(data) < MAPPING_SIZE:
        return None
    identity, _, _, remote, _, port = _MAPPING.unpack_from(data)
    _, spi, af, _ = _SA_ID.unpack(identity)
    if af not in (AF_INET, AF_INET6):
        return None
    return MappingSeen(int.from_bytes(spi), unpack_address(remote, af), int.from_bytes(port))


def family(address: IPAddress) -> int:
    return AF_INET if address.version == 4 else AF_INET6


def pack_address(address: IPAddress) -> bytes:
    return address.packed.ljust(16, b"\0")


def unpack_address(octets: bytes, af: int) -> IPAddress:
    return IPv4Address(octets[:4]) if af == AF_INET else IPv6Address(octets)


def _be(number: int) -> bytes:
    return number.to_bytes(2)
