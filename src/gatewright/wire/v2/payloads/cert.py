"""Certificate and Certificate Request payloads (RFC 7296 sections 3.6 and 3.7).

::

   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   | Cert Encoding |                                               |
   +-+-+-+-+-+-+-+-+                                               +
   ~              Certificate Data, or Certification Authority     ~
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from gatewright.iana.ikev2 import PayloadType
from gatewright.wire.codec import Reader, u8


@dataclass(frozen=True, slots=True)
class CertPayload:
    payload_type: ClassVar[int] = PayloadType.CERT

    encoding: int
    data: bytes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        reader = Reader(body)
        return cls(reader.u8("certificate encoding"), reader.rest())

    def body(self) -> bytes:
        return u8(self.encoding) + self.data


@dataclass(frozen=True, slots=True)
class CertRequestPayload:
    payload_type: ClassVar[int] = PayloadType.CERTREQ

    encoding: int
    authority: bytes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        reader = Reader(body)
        return cls(reader.u8("certificate encoding"), reader.rest())

    def body(self) -> bytes:
        return u8(self.encoding) + self.authority
