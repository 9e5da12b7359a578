"""Identification payloads, IDi and IDr (RFC 7296 section 3.5).

::

   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   |   ID Type     |                 RESERVED                      |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   ~                   Identification Data                         ~
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from gatewright.iana.ikev2 import PayloadType
from gatewright.wire.codec import Reader, u8

_RESERVED = 3


@dataclass(frozen=True, slots=True)
class IdPayload:
    """``payload_type`` is IDI or IDR.  ``reserved`` is kept, since AUTH signs it as it came."""

    payload_type: int
    id_type: int
    data: bytes
    reserved: bytes = bytes(_RESERVED)

    @classmethod
    def parse_initiator(cls, body: bytes) -> Self:
        return cls._parse(PayloadType.IDI, body)

    @classmethod
    def parse_responder(cls, body: bytes) -> Self:
        return cls._parse(PayloadType.IDR, body)

    @classmethod
    def _parse(cls, payload_type: int, body: bytes) -> Self:
        reader = Reader(body)
        id_type = reader.u8("ID type")
        reserved = reader.take(_RESERVED, "reserved")
        return cls(payload_type, id_type, reader.rest(), reserved)

    def body(self) -> bytes:
        return u8(self.id_type) + self.reserved + self.data
