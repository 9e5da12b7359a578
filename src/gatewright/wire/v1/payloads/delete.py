"""The delete payload (RFC 2408 section 3.15).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ! Next Payload  !   RESERVED    !         Payload Length        !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    !              Domain of Interpretation  (DOI)                  !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    !  Protocol-Id  !   SPI Size    !           # of SPIs           !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~               Security Parameter Index(es) (SPI)              ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gatewright.iana.ikev1 import Doi, PayloadType
from gatewright.wire.codec import Malformed, Reader, u8, u16, u32

MAX_SPIS = 1024


@dataclass(frozen=True, slots=True)
class DeletePayload:
    """``spis``: four octets each for ESP and AH, both cookies (16) for an ISAKMP SA."""

    number: ClassVar[int] = PayloadType.DELETE

    protocol: int
    spis: tuple[bytes, ...]
    doi: int = Doi.IPSEC

    @classmethod
    def parse(cls, number: int, reader: Reader) -> DeletePayload:  # noqa: ARG003
        doi = reader.u32("DOI")
        protocol = reader.u8("protocol ID")
        spi_size = reader.u8("SPI size")
        count = reader.u16("number of SPIs")
        if count > MAX_SPIS:
            raise Malformed("too_many_spis", f"{count}, more than {MAX_SPIS}")
        if spi_size == 0 or count == 0:
            raise Malformed("empty_delete", f"{count} SPIs of {spi_size} octets")
        spis = tuple(reader.take(spi_size, "SPI") for _ in range(count))
        reader.expect_end("the SPIs of a delete payload")
        return cls(protocol, spis, doi)

    def emit(self) -> bytes:
        spi_size = len(self.spis[0])
        head = u32(self.doi) + u8(self.protocol) + u8(spi_size) + u16(len(self.spis))
        return head + b"".join(self.spis)
