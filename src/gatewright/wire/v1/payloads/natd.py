"""The NAT discovery payload (RFC 3947 section 3.2).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +---------------+---------------+---------------+---------------+
    | Next Payload  | RESERVED      | Payload length                |
    +---------------+---------------+---------------+---------------+
    ~                 HASH of the address and port                  ~
    +---------------+---------------+---------------+---------------+
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.iana.ikev1 import PayloadType
from gatewright.wire.codec import Reader


@dataclass(frozen=True, slots=True)
class NatDiscoveryPayload:
    """``number`` is 20, or 130 in the drafts."""

    data: bytes
    number: int = PayloadType.NAT_D

    @classmethod
    def parse(cls, number: int, reader: Reader) -> NatDiscoveryPayload:
        return cls(reader.rest(), number)

    def emit(self) -> bytes:
        return self.data
