"""Delete payload: SPIs that the sender has removed (RFC 7296 section 3.11).

::

   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   | Protocol ID   |   SPI Size    |          Num of SPIs          |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   ~               Security Parameter Index(es) (SPI)              ~
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from gatewright.iana.ikev2 import PayloadType
from gatewright.wire.codec import Malformed, Reader, u8, u16

MAX_SPIS = 1024


@dataclass(frozen=True, slots=True)
class DeletePayload:
    """``spis`` are empty for the IKE SA itself, else of one size."""

    payload_type: ClassVar[int] = PayloadType.DELETE

    protocol: int
    spis: tuple[bytes, ...] = ()

    @classmethod
    def parse(cls, body: bytes) -> Self:
        reader = Reader(body)
        protocol = reader.u8("protocol ID")
        size = reader.u8("SPI size")
        count = reader.u16("number of SPIs")
        if count > MAX_SPIS or (count and not size):
            raise Malformed("delete_spis", f"{count} SPIs of {size} octets")
        spis = tuple(reader.take(size, "SPI") for _ in range(count))
        reader.expect_end("the last SPI")
        return cls(protocol, spis)

    def body(self) -> bytes:
        size = len(self.spis[0]) if self.spis else 0
        return u8(self.protocol) + u8(size) + u16(len(self.spis)) + b"".join(self.spis)
