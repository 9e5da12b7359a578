"""The key exchange payload (RFC 2408 section 3.7).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ! Next Payload  !   RESERVED    !         Payload Length        !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                       Key Exchange Data                       ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gatewright.iana.ikev1 import PayloadType
from gatewright.wire.codec import Reader


@dataclass(frozen=True, slots=True)
class KeyExchangePayload:
    """``data`` is the public value, padded to the size of its group (RFC 2409 section 5)."""

    number: ClassVar[int] = PayloadType.KEY_EXCHANGE

    data: bytes

    @classmethod
    def parse(cls, number: int, reader: Reader) -> KeyExchangePayload:  # noqa: ARG003
        return cls(reader.rest())

    def emit(self) -> bytes:
        return self.data
