"""The security association payload with its proposals and transforms.

RFC 2408 sections 3.4 to 3.6, RFC 2407 section 4.6.1::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ! Next Payload  !   RESERVED    !         Payload Length        !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    !              Domain of Interpretation  (DOI)                  !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    !                           Situation                           !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

    Proposal:
    ! Next Payload  !   RESERVED    !         Payload Length        !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    !  Proposal #   !  Protocol-Id  !    SPI Size   !# of Transforms!
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    !                        SPI (variable)                         !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

    Transform:
    ! Next Payload  !   RESERVED    !         Payload Length        !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    !  Transform #  !  Transform-Id !           RESERVED2           !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                        SA Attributes                          ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gatewright.iana.ikev1 import Doi, PayloadType, Situation
from gatewright.wire.codec import Malformed, Reader, u8, u16, u32
from gatewright.wire.v1.attributes import Attribute, parse_attributes
from gatewright.wire.v1.payload import read_generic_header, with_generic_header

MAX_PROPOSALS = 64
MAX_TRANSFORMS = 512  # in all proposals of one payload


@dataclass(frozen=True, slots=True)
class Transform:
    """One set of algorithms: ``id`` is the transform ID within the proposal's protocol."""

    transform_number: int
    id: int
    attributes: tuple[Attribute, ...]

    @classmethod
    def parse(cls, reader: Reader) -> Transform:
        number = reader.u8("transform number")
        transform_id = reader.u8("transform ID")
        reader.take(2, "reserved")
        return cls(number, transform_id, parse_attributes(reader))

    def emit(self) -> bytes:
        head = u8(self.transform_number) + u8(self.id) + u16(0)
        return head + b"".join(attribute.emit() for attribute in self.attributes)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The transforms of one protocol, best first; proposals of one number belong together."""

    proposal_number: int
    protocol: int
    spi: bytes
    transforms: tuple[Transform, ...]

    @classmethod
    def parse(cls, reader: Reader) -> Proposal:
        number = reader.u8("proposal number")
        protocol = reader.u8("protocol ID")
        spi_size = reader.u8("SPI size")
        count = reader.u8("number of transforms")
        spi = reader.take(spi_size, "SPI")
        transforms = _parse_transforms(reader, count)
        return cls(number, protocol, spi, transforms)

    def emit(self) -> bytes:
        head = u8(self.proposal_number) + u8(self.protocol)
        head += u8(len(self.spi)) + u8(len(self.transforms)) + self.spi
        return head + _chained(
            PayloadType.TRANSFORM, [transform.emit() for transform in self.transforms]
        )


@dataclass(frozen=True, slots=True)
class SaPayload:
    """Proposals, best first.

    With another DOI or situation than IPsec's identity-only the rest has a shape that is not
    known here, and ``proposals`` is empty.
    """

    number: ClassVar[int] = PayloadType.SECURITY_ASSOCIATION

    proposals: tuple[Proposal, ...]
    doi: int = Doi.IPSEC
    situation: int = Situation.IDENTITY_ONLY

    @classmethod
    def parse(cls, number: int, reader: Reader) -> SaPayload:  # noqa: ARG003
        doi = reader.u32("DOI")
        situation = reader.u32("situation")
        if doi != Doi.IPSEC or situation != Situation.IDENTITY_ONLY:
            return cls((), doi, situation)
        return cls(_parse_proposals(reader), doi, situation)

    def emit(self) -> bytes:
        proposals = [proposal.emit() for proposal in self.proposals]
        return u32(self.doi) + u32(self.situation) + _chained(PayloadType.PROPOSAL, proposals)


def _parse_proposals(reader: Reader) -> tuple[Proposal, ...]:
    proposals: list[Proposal] = []
    transforms = 0
    following: int = PayloadType.PROPOSAL
    while following == PayloadType.PROPOSAL:
        if len(proposals) == MAX_PROPOSALS:
            raise Malformed("too_many_proposals", f"more than {MAX_PROPOSALS}")
        following, body = read_generic_header(reader, "proposal")
        proposals.append(Proposal.parse(body))
        transforms += len(proposals[-1].transforms)
        if transforms > MAX_TRANSFORMS:
            raise Malformed("too_many_transforms", f"more than {MAX_TRANSFORMS}")
    if following != PayloadType.NONE:
        raise Malformed("proposal_chain", f"payload {following} among the proposals")
    reader.expect_end("the last proposal")
    return tuple(proposals)


def _parse_transforms(reader: Reader, count: int) -> tuple[Transform, ...]:
    transforms: list[Transform] = []
    for left in reversed(range(count)):
        following, body = read_generic_header(reader, "transform")
        transforms.append(Transform.parse(body))
        if following != (PayloadType.TRANSFORM if left else PayloadType.NONE):
            raise Malformed("transform_chain", f"payload {following} with {left} transforms left")
    reader.expect_end("the last transform")
    return tuple(transforms)


def _chained(number: int, bodies: list[bytes]) -> bytes:
    following = [number] * (len(bodies) - 1) + [PayloadType.NONE]
    return b"".join(
        with_generic_header(next_payload, body)
        for next_payload, body in zip(following, bodies, strict=False)
    )
