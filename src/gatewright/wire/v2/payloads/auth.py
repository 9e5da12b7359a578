"""Authentication payload (RFC 7296 section 3.8).

::

   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   | Auth Method   |                RESERVED                       |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   ~                      Authentication Data                      ~
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from gatewright.iana.ikev2 import PayloadType
from gatewright.wire.codec import Reader, u8


@dataclass(frozen=True, slots=True)
class AuthPayload:
    payload_type: ClassVar[int] = PayloadType.AUTH

    method: int
    data: bytes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        reader = Reader(body)
        method = reader.u8("authentication method")
        reader.take(3, "reserved")
        return cls(method, reader.rest())

    def body(self) -> bytes:
        return u8(self.method) + bytes(3) + self.data
