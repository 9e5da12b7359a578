"""The NAT original address payload (RFC 3947 section 5.2).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +---------------+---------------+---------------+---------------+
    | Next Payload  | RESERVED      | Payload length                |
    +---------------+---------------+---------------+---------------+
    | ID Type       | RESERVED      | RESERVED                      |
    +---------------+---------------+---------------+---------------+
    |      IPv4 (4 octets) or IPv6 address (16 octets)              |
    +---------------+---------------+---------------+---------------+
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from gatewright.iana.ikev1 import IdType, PayloadType
from gatewright.wire.codec import Malformed, Reader, u8

_ADDRESS_LENGTH = {IdType.IPV4_ADDR: 4, IdType.IPV6_ADDR: 16}


@dataclass(frozen=True, slots=True)
class NatOriginalAddressPayload:
    """``number`` is 21, or 131 in the drafts."""

    address: IPv4Address | IPv6Address
    number: int = PayloadType.NAT_OA

    @classmethod
    def parse(cls, number: int, reader: Reader) -> NatOriginalAddressPayload:
        id_type = reader.u8("ID type")
        reader.take(3, "reserved")
        octets = reader.rest()
        if id_type not in _ADDRESS_LENGTH or len(octets) != _ADDRESS_LENGTH[IdType(id_type)]:  # type: ignore[call-arg]
            raise Malformed("original_address", f"ID type {id_type}, {len(octets)} octets")
        address = IPv4Address(octets) if len(octets) == 4 else IPv6Address(octets)
        return cls(address, number)

    def emit(self) -> bytes:
        id_type = IdType.IPV4_ADDR if self.address.version == 4 else IdType.IPV6_ADDR
        return u8(id_type) + bytes(3) + self.address.packed
