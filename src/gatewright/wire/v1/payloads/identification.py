"""The identification payload (RFC 2407 section 4.6.2).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    !  Next Payload !   RESERVED    !        Payload Length         !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    !   ID Type     !  Protocol ID  !             Port              !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                     Identification Data                       ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gatewright.iana.ikev1 import PayloadType
from gatewright.wire.codec import Reader, u8, u16


@dataclass(frozen=True, slots=True)
class IdentificationPayload:
    """``protocol`` and ``port`` 0 mean any.  What ``data`` is depends on ``id_type``."""

    number: ClassVar[int] = PayloadType.IDENTIFICATION

    id_type: int
    protocol: int
    port: int
    data: bytes

    @classmethod
    def parse(cls, number: int, reader: Reader) -> IdentificationPayload:  # noqa: ARG003
        id_type = reader.u8("ID type")
        protocol = reader.u8("protocol ID")
        port = reader.u16("port")
        return cls(id_type, protocol, port, reader.rest())

    def emit(self) -> bytes:
        return u8(self.id_type) + u8(self.protocol) + u16(self.port) + self.data
