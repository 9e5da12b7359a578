"""Configuration payload (RFC 7296 section 3.15).

::

   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   |   CFG Type    |                    RESERVED                   |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   ~                   Configuration Attributes                    ~
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

Configuration attribute::

   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   |R|         Attribute Type      |            Length             |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   ~                             Value                             ~
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from gatewright.iana.ikev2 import PayloadType
from gatewright.wire.codec import Malformed, Reader, u8, u16

MAX_CONFIG_ATTRIBUTES = 64


@dataclass(frozen=True, slots=True)
class ConfigPayload:
    """``attributes`` are pairs of type and value."""

    payload_type: ClassVar[int] = PayloadType.CP

    type: int
    attributes: tuple[tuple[int, bytes], ...]

    @classmethod
    def parse(cls, body: bytes) -> Self:
        reader = Reader(body)
        kind = reader.u8("configuration type")
        reader.take(3, "reserved")
        attributes: list[tuple[int, bytes]] = []
        while reader.remaining:
            if len(attributes) == MAX_CONFIG_ATTRIBUTES:
                raise Malformed("too_many_attributes")
            number = reader.u16("attribute type") & 0x7FFF
            attributes.append((number, reader.take(reader.u16("length"), "attribute")))
        return cls(kind, tuple(attributes))

    def body(self) -> bytes:
        return (
            u8(self.type)
            + bytes(3)
            + b"".join(u16(number) + u16(len(value)) + value for number, value in self.attributes)
        )
