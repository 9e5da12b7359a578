"""Traffic Selector payloads, TSi and TSr (RFC 7296 section 3.13).

::

   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   | Number of TSs |                 RESERVED                      |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   ~                       <Traffic Selectors>                     ~
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

Traffic selector::

   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   |   TS Type     |IP Protocol ID*|       Selector Length         |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   |           Start Port*         |           End Port*           |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   ~                         Starting Address*                     ~
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   ~                         Ending Address*                       ~
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from gatewright.iana.ikev2 import PayloadType, TsType
from gatewright.wire.codec import Malformed, Reader, u8, u16

_ADDRESS_LENGTH = {TsType.TS_IPV4_ADDR_RANGE.value: 4, TsType.TS_IPV6_ADDR_RANGE.value: 16}
_HEAD = 4


@dataclass(frozen=True, slots=True)
class RangeSelector:
    """A selector of type 7 or 8 as it stands on the wire.

    The range may run downwards: ports 65535 to 0 mean OPAQUE (RFC 7296 section 3.13.1).
    """

    type: int
    protocol: int
    first_port: int
    last_port: int
    first: bytes
    last: bytes

    def emit(self) -> bytes:
        length = _HEAD + 4 + len(self.first) + len(self.last)
        return (
            u8(self.type)
            + u8(self.protocol)
            + u16(length)
            + u16(self.first_port)
            + u16(self.last_port)
            + self.first
            + self.last
        )


@dataclass(frozen=True, slots=True)
class UnknownSelector:
    """A selector of another type, kept as octets; ``protocol`` is its second octet."""

    type: int
    protocol: int
    data: bytes

    def emit(self) -> bytes:
        return u8(self.type) + u8(self.protocol) + u16(_HEAD + len(self.data)) + self.data


Selector = RangeSelector | UnknownSelector


def _parse_selector(reader: Reader) -> Selector:
    kind = reader.u8("TS type")
    protocol = reader.u8("IP protocol")
    body = reader.sub(reader.u16("selector length") - _HEAD, "selector")
    size = _ADDRESS_LENGTH.get(kind)
    if size is None:
        return UnknownSelector(kind, protocol, body.rest())
    first_port, last_port = body.u16("start port"), body.u16("end port")
    first, last = body.take(size, "starting address"), body.take(size, "ending address")
    body.expect_end("the ending address")
    return RangeSelector(kind, protocol, first_port, last_port, first, last)


@dataclass(frozen=True, slots=True)
class TsPayload:
    """``payload_type`` is TSI or TSR."""

    payload_type: int
    selectors: tuple[Selector, ...]

    @classmethod
    def parse_initiator(cls, body: bytes) -> Self:
        return cls._parse(PayloadType.TSI, body)

    @classmethod
    def parse_responder(cls, body: bytes) -> Self:
        return cls._parse(PayloadType.TSR, body)

    @classmethod
    def _parse(cls, payload_type: int, body: bytes) -> Self:
        reader = Reader(body)
        count = reader.u8("number of selectors")
        reader.take(3, "reserved")
        if not count:
            raise Malformed("no_traffic_selector")
        selectors = tuple(_parse_selector(reader) for _ in range(count))
        reader.expect_end("the last traffic selector")
        return cls(payload_type, selectors)

    def body(self) -> bytes:
        selectors = b"".join(selector.emit() for selector in self.selectors)
        return u8(len(self.selectors)) + bytes(3) + selectors
