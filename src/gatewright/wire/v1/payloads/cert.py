"""The certificate and certificate request payloads (RFC 2408 sections 3.9 and 3.10).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ! Next Payload  !   RESERVED    !         Payload Length        !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ! Cert Encoding !                                               !
    +-+-+-+-+-+-+-+-+                                               !
    ~              Certificate Data or Authority                    ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gatewright.iana.ikev1 import PayloadType
from gatewright.wire.codec import Reader, u8


@dataclass(frozen=True, slots=True)
class CertificatePayload:
    """``encoding`` 4 is an X.509 certificate for signatures."""

    number: ClassVar[int] = PayloadType.CERTIFICATE

    encoding: int
    data: bytes

    @classmethod
    def parse(cls, number: int, reader: Reader) -> CertificatePayload:  # noqa: ARG003
        return cls(reader.u8("certificate encoding"), reader.rest())

    def emit(self) -> bytes:
        return u8(self.encoding) + self.data


@dataclass(frozen=True, slots=True)
class CertificateRequestPayload:
    """``authority`` is the distinguished name of an acceptable authority, or empty."""

    number: ClassVar[int] = PayloadType.CERTIFICATE_REQUEST

    encoding: int
    authority: bytes

    @classmethod
    def parse(cls, number: int, reader: Reader) -> CertificateRequestPayload:  # noqa: ARG003
        return cls(reader.u8("certificate type"), reader.rest())

    def emit(self) -> bytes:
        return u8(self.encoding) + self.authority
