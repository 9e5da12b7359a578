"""The nonce payload (RFC 2408 section 3.13).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ! Next Payload  !   RESERVED    !         Payload Length        !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                           Nonce Data                          ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gatewright.iana.ikev1 import PayloadType
from gatewright.wire.codec import Malformed, Reader

SHORTEST, LONGEST = 8, 256  # RFC 2409 section 5


@dataclass(frozen=True, slots=True)
class NoncePayload:
    """``data`` has 8 to 256 octets."""

    number: ClassVar[int] = PayloadType.NONCE

    data: bytes

    @classmethod
    def parse(cls, number: int, reader: Reader) -> NoncePayload:  # noqa: ARG003
        data = reader.rest()
        if not SHORTEST <= len(data) <= LONGEST:
            raise Malformed("nonce_length", f"{len(data)} octets")
        return cls(data)

    def emit(self) -> bytes:
        return self.data
