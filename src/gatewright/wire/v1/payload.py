"""What every payload of IKEv1 is to the rest: a number and a body (RFC 2408 section 3.2).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ! Next Payload  !   RESERVED    !         Payload Length        !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from typing import Protocol

from gatewright.wire.codec import Malformed, Reader, u8, u16

GENERIC_HEADER_LENGTH = 4


class Payload(Protocol):
    """A frozen value; ``number`` is its type on the wire."""

    @property
    def number(self) -> int: ...

    def emit(self) -> bytes:
        """The body, without the generic header."""
        ...


def read_generic_header(reader: Reader, what: str) -> tuple[int, Reader]:
    """The next payload type and a reader over this one's body."""
    next_payload = reader.u8(f"{what}: next payload")
    if reader.u8(f"{what}: reserved"):
        raise Malformed("reserved_not_zero", what)
    length = reader.u16(f"{what}: length")
    if length < GENERIC_HEADER_LENGTH:
        raise Malformed("payload_too_short", f"{what} of {length} octets")
    return next_payload, reader.sub(length - GENERIC_HEADER_LENGTH, what)


def with_generic_header(next_payload: int, body: bytes) -> bytes:
    return u8(next_payload) + u8(0) + u16(GENERIC_HEADER_LENGTH + len(body)) + body
