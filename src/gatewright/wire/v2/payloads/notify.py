"""Notify payload: an error or a status (RFC 7296 section 3.10).

::

   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   |  Protocol ID  |   SPI Size    |      Notify Message Type      |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   ~                Security Parameter Index (SPI)                 ~
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   ~                       Notification Data                       ~
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from gatewright.iana.ikev2 import LAST_ERROR_NOTIFY, NotifyType, PayloadType, ProtocolId
from gatewright.wire.codec import Malformed, Reader, u8, u16
from gatewright.wire.v2.payloads.sa import MAX_SPI


@dataclass(frozen=True, slots=True)
class NotifyPayload:
    payload_type: ClassVar[int] = PayloadType.NOTIFY

    type: int
    data: bytes = b""
    protocol: int = ProtocolId.NONE
    spi: bytes = b""

    @property
    def is_error(self) -> bool:
        """Error types stand below 16384, known or not (RFC 7296 section 3.10.1)."""
        return self.type <= LAST_ERROR_NOTIFY

    @property
    def name(self) -> str:
        return NotifyType.describe(self.type)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        reader = Reader(body)
        protocol = reader.u8("protocol ID")
        spi_size = reader.u8("SPI size")
        kind = reader.u16("notify type")
        if spi_size > MAX_SPI:
            raise Malformed("spi_size", f"{spi_size} octets")
        spi = reader.take(spi_size, "SPI")
        return cls(kind, reader.rest(), protocol, spi)

    def body(self) -> bytes:
        return u8(self.protocol) + u8(len(self.spi)) + u16(self.type) + self.spi + self.data
