"""Key Exchange payload (RFC 7296 section 3.4).

::

   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   |   Diffie-Hellman Group Num    |           RESERVED            |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   ~                       Key Exchange Data                       ~
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from gatewright.iana.ikev2 import PayloadType
from gatewright.wire.codec import Malformed, Reader, u16


@dataclass(frozen=True, slots=True)
class KePayload:
    payload_type: ClassVar[int] = PayloadType.KE

    group: int
    public: bytes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        reader = Reader(body)
        group = reader.u16("key exchange group")
        reader.u16("reserved")
        public = reader.rest()
        if not public:
            raise Malformed("empty_key_exchange")
        return cls(group, public)

    def body(self) -> bytes:
        return u16(self.group) + u16(0) + self.public
