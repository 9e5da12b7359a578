"""The 28-octet header that IKEv1 (RFC 2408 section 3.1) and IKEv2 (RFC 7296 section 3.1) share.

::

     0                   1                   2                   3
    |                       IKE SA Initiator's SPI                  |
    |                       IKE SA Responder's SPI                  |
    |  Next Payload | MjVer | MnVer | Exchange Type |     Flags     |
    |                          Message ID                           |
    |                            Length                             |
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.wire.codec import Malformed, Reader, u8, u32

HEADER_LENGTH = 28
SPI_LENGTH = 8
NO_SPI = bytes(SPI_LENGTH)


@dataclass(frozen=True, slots=True)
class Header:
    """The header; ``spi_i``/``spi_r`` are the cookies of IKEv1, ``length`` that of the message."""

    spi_i: bytes
    spi_r: bytes
    next_payload: int
    major: int
    minor: int
    exchange: int
    flags: int
    message_id: int
    length: int

    @classmethod
    def parse(cls, data: bytes) -> Header:
        """The header of a message; `Malformed` also when the length is not that of ``data``."""
        if len(data) < HEADER_LENGTH:
            raise Malformed("header_truncated", f"{len(data)} octets")
        reader = Reader(data)
        spi_i = reader.take(SPI_LENGTH, "initiator SPI")
        spi_r = reader.take(SPI_LENGTH, "responder SPI")
        next_payload = reader.u8("next payload")
        version = reader.u8("version")
        exchange = reader.u8("exchange type")
        flags = reader.u8("flags")
        message_id = reader.u32("message ID")
        length = reader.u32("length")
        if length != len(data):
            raise Malformed("length_mismatch", f"header says {length}, datagram has {len(data)}")
        if spi_i == NO_SPI:
            raise Malformed("zero_initiator_spi")
        return cls(
            spi_i,
            spi_r,
            next_payload,
            version >> 4,
            version & 15,
            exchange,
            flags,
            message_id,
            length,
        )

    def emit(self) -> bytes:
        return (
            self.spi_i
            + self.spi_r
            + u8(self.next_payload)
            + u8(self.major << 4 | self.minor)
            + u8(self.exchange)
            + u8(self.flags)
            + u32(self.message_id)
            + u32(self.length)
        )
