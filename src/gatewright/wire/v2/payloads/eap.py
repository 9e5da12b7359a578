"""EAP payload (RFC 7296 section 3.16): an EAP message (RFC 3748), kept as octets.

::

   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   |     Code      | Identifier    |           Length              |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   |     Type      | Type_Data...
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from gatewright.iana.ikev2 import PayloadType


@dataclass(frozen=True, slots=True)
class EapPayload:
    payload_type: ClassVar[int] = PayloadType.EAP

    message: bytes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        return cls(body)

    def body(self) -> bytes:
        return self.message
