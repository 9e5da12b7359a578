"""The vendor ID payload (RFC 2408 section 3.16).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ! Next Payload  !   RESERVED    !         Payload Length        !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                        Vendor ID (VID)                        ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gatewright.iana.ikev1 import PayloadType
from gatewright.wire.codec import Reader


@dataclass(frozen=True, slots=True)
class VendorIdPayload:
    """``iana.vendor_ids`` knows what the octets mean."""

    number: ClassVar[int] = PayloadType.VENDOR_ID

    data: bytes

    @classmethod
    def parse(cls, number: int, reader: Reader) -> VendorIdPayload:  # noqa: ARG003
        return cls(reader.rest())

    def emit(self) -> bytes:
        return self.data
