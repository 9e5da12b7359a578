"""The notification payload (RFC 2408 section 3.14).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ! Next Payload  !   RESERVED    !         Payload Length        !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    !              Domain of Interpretation  (DOI)                  !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    !  Protocol-ID  !   SPI Size    !      Notify Message Type      !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                Security Parameter Index (SPI)                 ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                       Notification Data                       ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gatewright.iana.ikev1 import Doi, PayloadType
from gatewright.wire.codec import Reader, u8, u16, u32


@dataclass(frozen=True, slots=True)
class NotifyPayload:
    """``type`` is a number of ``iana.ikev1.NotifyType``; ``spi`` may be empty."""

    number: ClassVar[int] = PayloadType.NOTIFICATION

    type: int
    protocol: int
    spi: bytes = b""
    data: bytes = b""
    doi: int = Doi.IPSEC

    @classmethod
    def parse(cls, number: int, reader: Reader) -> NotifyPayload:  # noqa: ARG003
        doi = reader.u32("DOI")
        protocol = reader.u8("protocol ID")
        spi_size = reader.u8("SPI size")
        type_ = reader.u16("notify message type")
        spi = reader.take(spi_size, "SPI")
        return cls(type_, protocol, spi, reader.rest(), doi)

    def emit(self) -> bytes:
        head = u32(self.doi) + u8(self.protocol) + u8(len(self.spi)) + u16(self.type)
        return head + self.spi + self.data
