"""The hash payload (RFC 2408 section 3.11).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ! Next Payload  !   RESERVED    !         Payload Length        !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                           Hash Data                           ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gatewright.iana.ikev1 import PayloadType
from gatewright.wire.codec import Reader


@dataclass(frozen=True, slots=True)
class HashPayload:
    """``data`` is as long as the output of the negotiated hash."""

    number: ClassVar[int] = PayloadType.HASH

    data: bytes

    @classmethod
    def parse(cls, number: int, reader: Reader) -> HashPayload:  # noqa: ARG003
        return cls(reader.rest())

    def emit(self) -> bytes:
        return self.data
