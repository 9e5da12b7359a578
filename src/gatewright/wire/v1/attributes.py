"""Data attributes of a transform (RFC 2408 section 3.3).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    !A!       Attribute Type        !    AF=0  Attribute Length     !
    !F!                             !    AF=1  Attribute Value      !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    .                   AF=0  Attribute Value                       .
    .                   AF=1  Not Transmitted                       .
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.wire.codec import Malformed, Reader, u16

BASIC_FLAG = 0x8000
BASIC_LIMIT = 1 << 16
MAX_ATTRIBUTES = 64
LARGEST_NUMBER = 0xFFFFFFFF
_ENOUGH = 5  # octets that tell whether a number is larger


@dataclass(frozen=True, slots=True)
class Attribute:
    """``octets`` is the value; ``basic`` tells that it was two octets in place of the length.

    Both forms are kept apart so that a responder can return a transform octet for octet
    (RFC 2408 section 4.2).
    """

    type: int
    octets: bytes
    basic: bool

    @classmethod
    def of(cls, type_: int, number: int) -> Attribute:
        """A number in the basic form where it fits, else in four octets (RFC 2407 section 4.5)."""
        if number < BASIC_LIMIT:
            return cls(type_, u16(number), basic=True)
        return cls(type_, number.to_bytes(4, "big"), basic=False)

    @property
    def number(self) -> int:
        """The value as a number, whichever the form; `LARGEST_NUMBER` for any that is larger.

        No attribute has use for more than four octets, and a number of 60 000 octets, which
        anybody can send, cannot even be printed.
        """
        return min(int.from_bytes(self.octets.lstrip(b"\0")[:_ENOUGH], "big"), LARGEST_NUMBER)

    def emit(self) -> bytes:
        if self.basic:
            return u16(self.type | BASIC_FLAG) + self.octets
        return u16(self.type) + u16(len(self.octets)) + self.octets


def parse_attributes(reader: Reader) -> tuple[Attribute, ...]:
    """All that is left of ``reader``; raises `Malformed`."""
    attributes: list[Attribute] = []
    while reader.remaining:
        if len(attributes) == MAX_ATTRIBUTES:
            raise Malformed("too_many_attributes", f"more than {MAX_ATTRIBUTES} in one transform")
        word = reader.u16("attribute type")
        basic = bool(word & BASIC_FLAG)
        length = 2 if basic else reader.u16("attribute length")
        octets = reader.take(length, "attribute value")
        attributes.append(Attribute(word & ~BASIC_FLAG, octets, basic))
    return tuple(attributes)
