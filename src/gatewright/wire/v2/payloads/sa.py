"""Security Association payload: proposals, each a list of transforms (RFC 7296 section 3.3).

Proposal substructure::

                        1                   2                   3
    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   | Last Substruc |   RESERVED    |         Proposal Length       |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   | Proposal Num  |  Protocol ID  |    SPI Size   |Num  Transforms|
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   ~                        SPI (variable)                         ~
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   ~                        <Transforms>                           ~
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

Transform substructure::

   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   | Last Substruc |   RESERVED    |        Transform Length       |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   |Transform Type |   RESERVED    |          Transform ID         |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   ~                      Transform Attributes                     ~
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

Transform attribute::

   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   |A|       Attribute Type        |    AF=0  Attribute Length     |
   |F|                             |    AF=1  Attribute Value      |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   ~                   AF=0  Attribute Value                       ~
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from gatewright.iana.ikev2 import AttributeType, PayloadType
from gatewright.wire.codec import Malformed, Reader, u8, u16

MAX_PROPOSALS = 255  # the number field has one octet
MAX_TRANSFORMS = 1024  # in all proposals of one payload
MAX_ATTRIBUTES = 8
MAX_SPI = 16

_LAST, _MORE_PROPOSALS, _MORE_TRANSFORMS = 0, 2, 3
_PROPOSAL_HEAD, _TRANSFORM_HEAD = 8, 8
_AF = 0x8000


@dataclass(frozen=True, slots=True)
class Attribute:
    """A transform attribute; ``short`` tells the two-octet form (AF=1)."""

    type: int
    value: bytes
    short: bool = True

    def emit(self) -> bytes:
        if self.short:
            return u16(_AF | self.type) + self.value
        return u16(self.type) + u16(len(self.value)) + self.value

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        kind = reader.u16("attribute type")
        if kind & _AF:
            return cls(kind & ~_AF, reader.take(2, "attribute value"), short=True)
        return cls(kind, reader.take(reader.u16("attribute length"), "attribute"), short=False)


@dataclass(frozen=True, slots=True)
class Transform:
    """One algorithm on offer: ``type`` and ``id`` as in the registry, known or not."""

    type: int
    id: int
    attributes: tuple[Attribute, ...] = ()

    @classmethod
    def with_key_length(cls, kind: int, number: int, bits: int | None) -> Self:
        if bits is None:
            return cls(kind, number)
        return cls(kind, number, (Attribute(AttributeType.KEY_LENGTH, u16(bits)),))

    @property
    def key_length(self) -> int | None:
        """The Key Length attribute in bits, None without one."""
        for attribute in self.attributes:
            if attribute.type == AttributeType.KEY_LENGTH and attribute.short:
                return int.from_bytes(attribute.value, "big")
        return None

    @property
    def understood(self) -> bool:
        """Whether no attribute but the key length, at most once, is there.

        A transform with another one is unacceptable, not an error (RFC 7296 section 3.3.6).
        """
        if not self.attributes:
            return True
        return len(self.attributes) == 1 and self.key_length is not None

    def emit(self, *, last: bool) -> bytes:
        attributes = b"".join(attribute.emit() for attribute in self.attributes)
        return (
            u8(_LAST if last else _MORE_TRANSFORMS)
            + u8(0)
            + u16(_TRANSFORM_HEAD + len(attributes))
            + u8(self.type)
            + u8(0)
            + u16(self.id)
            + attributes
        )

    @classmethod
    def parse(cls, reader: Reader, *, last: bool) -> Self:
        more = reader.u8("last substructure")
        if more != (_LAST if last else _MORE_TRANSFORMS):
            raise Malformed("transform_count", f"last substructure {more}")
        reader.u8("reserved")
        length = reader.u16("transform length")
        body = reader.sub(length - 4, "transform")
        kind = body.u8("transform type")
        body.u8("reserved")
        number = body.u16("transform ID")
        attributes: list[Attribute] = []
        while body.remaining:
            if len(attributes) == MAX_ATTRIBUTES:
                raise Malformed("too_many_attributes")
            attributes.append(Attribute.parse(body))
        return cls(kind, number, tuple(attributes))


@dataclass(frozen=True, slots=True)
class Proposal:
    """Transforms of which one of each type is to be chosen."""

    number: int
    protocol: int
    spi: bytes
    transforms: tuple[Transform, ...]

    def of_type(self, kind: int) -> tuple[Transform, ...]:
        return tuple(transform for transform in self.transforms if transform.type == kind)

    def emit(self, *, last: bool) -> bytes:
        count = len(self.transforms)
        transforms = b"".join(
            transform.emit(last=index == count - 1)
            for index, transform in enumerate(self.transforms)
        )
        return (
            u8(_LAST if last else _MORE_PROPOSALS)
            + u8(0)
            + u16(_PROPOSAL_HEAD + len(self.spi) + len(transforms))
            + u8(self.number)
            + u8(self.protocol)
            + u8(len(self.spi))
            + u8(count)
            + self.spi
            + transforms
        )

    @classmethod
    def parse(cls, reader: Reader) -> tuple[Self, bool]:
        """A proposal, and whether another follows."""
        more = reader.u8("last substructure")
        if more not in (_LAST, _MORE_PROPOSALS):
            raise Malformed("proposal_chain", f"last substructure {more}")
        reader.u8("reserved")
        body = reader.sub(reader.u16("proposal length") - 4, "proposal")
        number = body.u8("proposal number")
        protocol = body.u8("protocol ID")
        spi_size = body.u8("SPI size")
        count = body.u8("number of transforms")
        if spi_size > MAX_SPI:
            raise Malformed("spi_size", f"{spi_size} octets")
        spi = body.take(spi_size, "SPI")
        transforms = tuple(Transform.parse(body, last=index == count - 1) for index in range(count))
        body.expect_end("the last transform")
        return cls(number, protocol, spi, transforms), more == _MORE_PROPOSALS


@dataclass(frozen=True, slots=True)
class SaPayload:
    payload_type: ClassVar[int] = PayloadType.SA

    proposals: tuple[Proposal, ...]

    @classmethod
    def parse(cls, body: bytes) -> Self:
        reader = Reader(body)
        proposals: list[Proposal] = []
        transforms = 0
        more = True
        while more:
            if len(proposals) == MAX_PROPOSALS:
                raise Malformed("too_many_proposals")
            proposal, more = Proposal.parse(reader)
            proposals.append(proposal)
            transforms += len(proposal.transforms)
            if transforms > MAX_TRANSFORMS:
                raise Malformed("too_many_transforms", f"more than {MAX_TRANSFORMS}")
        reader.expect_end("the last proposal")
        return cls(tuple(proposals))

    def body(self) -> bytes:
        count = len(self.proposals)
        return b"".join(
            proposal.emit(last=index == count - 1) for index, proposal in enumerate(self.proposals)
        )
