"""A payload of a type that is not understood here, kept as it came.

::

   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   | Next Payload  |C|  RESERVED   |         Payload Length        |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

With the critical bit C, the receiver must refuse the whole message (RFC 7296 section 2.5).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UnknownPayload:
    payload_type: int
    data: bytes
    critical: bool = False

    def body(self) -> bytes:
        return self.data
