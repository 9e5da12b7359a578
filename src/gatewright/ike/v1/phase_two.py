"""The SA payload of quick mode: from policy to wire, and the choice among a peer's offers.

RFC 2407 sections 4.4.4 and 4.5.  Ours is one proposal with protocol ESP and one transform for each
security method.  A responder returns the chosen transform octet for octet, with its own SPI.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gatewright.iana.ikev1 import (
    EncapsulationMode,
    EspTransform,
    IpsecAttribute,
    ProtocolId,
)
from gatewright.ike.spis import FIRST_USABLE_SPI
from gatewright.ike.v1 import lifetimes, nearest, words
from gatewright.ike.v1.errors import BadAnswer, InvalidPayloads, NoProposalChosen, Unfit
from gatewright.ike.v1.lifetimes import Lifetime
from gatewright.ike.v1.phase_one import GROUPS_WITH_IKEV1_NUMBER
from gatewright.policy.compiled import Child, EspProposal
from gatewright.wire.v1.attributes import Attribute
from gatewright.wire.v1.payloads.sa import Proposal, SaPayload, Transform

SPI_LENGTH = 4
_A = IpsecAttribute
_KNOWN = frozenset(
    {
        _A.LIFE_TYPE,
        _A.LIFE_DURATION,
        _A.GROUP_DESCRIPTION,
        _A.ENCAPSULATION_MODE,
        _A.AUTHENTICATION_ALGORITHM,
        _A.KEY_LENGTH,
        _A.ECN_TUNNEL,  # RFC 6040 forwards ECN in any case
    }
)
_UDP_MODES = frozenset({EncapsulationMode.UDP_TUNNEL, EncapsulationMode.UDP_TUNNEL_DRAFT})


@dataclass(frozen=True, slots=True)
class PhaseTwoChoice:
    """What both sides agree on.  ``spi_out`` is the peer's; ``offered`` is the lifetime as the
    initiator named it, ``lifetime`` the shorter of both sides'."""

    method: EspProposal
    spi_out: int
    lifetime: Lifetime
    offered: Lifetime

    @property
    def shortened(self) -> bool:
        """Whether a responder has to tell (RFC 2407 section 4.6.3.1)."""
        return self.lifetime != self.offered and self.offered != Lifetime(0)


@dataclass(frozen=True, slots=True)
class Selection:
    """A responder's choice; `answer` with the SPI that it chose itself."""

    choice: PhaseTwoChoice
    proposal: Proposal

    def answer(self, spi_in: int) -> SaPayload:
        chosen = self.proposal
        spi = spi_in.to_bytes(SPI_LENGTH, "big")
        return SaPayload(
            (Proposal(chosen.proposal_number, chosen.protocol, spi, chosen.transforms),)
        )


@dataclass(frozen=True, slots=True)
class _Offer:
    """A transform in numbers, 0 for an attribute that is not there."""

    protocol: int
    transform: int
    key_bits: int
    integrity: int
    mode: int
    group: int
    foreign: int  # an attribute that nobody here knows

    @classmethod
    def of_method(cls, method: EspProposal, mode: int) -> _Offer:
        return cls(
            ProtocolId.ESP,
            method.cipher.doi or 0,
            method.cipher.key_bits if method.cipher.key_length_attribute else 0,
            (method.integrity.doi or 0) if method.integrity is not None else 0,
            mode,
            method.group.number if method.group is not None else 0,
            0,
        )

    @classmethod
    def of_transform(cls, proposal: Proposal, transform: Transform, mode: int) -> _Offer:
        """``mode`` is what both names of tunnel mode in UDP are read as, where it is one."""
        values = {each.type: each.number for each in reversed(transform.attributes)}
        foreign = next((each.type for each in transform.attributes if each.type not in _KNOWN), 0)
        offered_mode = values.get(_A.ENCAPSULATION_MODE, 0)
        fixed = {EspTransform.DES, EspTransform.TRIPLE_DES, EspTransform.NULL}
        return cls(
            proposal.protocol,
            transform.id,
            0 if transform.id in fixed else values.get(_A.KEY_LENGTH, 0),
            values.get(_A.AUTHENTICATION_ALGORITHM, 0),
            mode if {offered_mode, mode} <= _UDP_MODES else offered_mode,
            values.get(_A.GROUP_DESCRIPTION, 0),
            foreign,
        )

    def aspects(self) -> nearest.Aspects:
        protocol = ProtocolId.find(self.protocol)
        return (
            ("protocol", protocol.name if protocol is not None else str(self.protocol)),
            ("encryption", words.esp_cipher(self.transform, self.key_bits)),
            ("integrity", words.integrity(self.integrity)),
            ("encapsulation mode", words.encapsulation_mode(self.mode)),
            ("perfect forward secrecy group", words.group(self.group)),
            ("attribute", f"number {self.foreign}" if self.foreign else "none besides"),
        )


def usable(child: Child) -> tuple[EspProposal, ...]:
    """The security methods that quick mode can carry together, best first.

    IKEv1 has no number for some algorithms, and a quick mode has one key exchange: the methods
    that want another group than the first cannot go with it (RFC 2409 section 5.5).
    """
    expressible = tuple(
        method
        for method in child.proposals
        if method.cipher.doi is not None
        and (method.integrity is None or method.integrity.doi is not None)
        and (method.group is None or method.group.number in GROUPS_WITH_IKEV1_NUMBER)
    )
    return tuple(method for method in expressible if method.group == expressible[0].group)


def offer(child: Child, spi_in: int, mode: int) -> SaPayload:
    """All security methods of a child; `Unfit` when IKEv1 can express none."""
    methods = usable(child)
    if not methods:
        raise Unfit(
            f"none of the security methods of {child.name} exists in IKEv1; use AES-GCM, or a "
            "cipher in CBC mode with an HMAC"
        )
    transforms = tuple(_transform(number, method, mode) for number, method in enumerate(methods, 1))
    spi = spi_in.to_bytes(SPI_LENGTH, "big")
    return SaPayload((Proposal(1, ProtocolId.ESP, spi, transforms),))


def select(offered: SaPayload, child: Child, mode: int) -> Selection:
    """The first security method of ours that the peer offers too; else `NoProposalChosen`."""
    theirs: dict[_Offer, tuple[Proposal, Transform]] = {}
    for parent, transform in _transforms(offered):
        theirs.setdefault(_Offer.of_transform(parent, transform, mode), (parent, transform))
    for method in _expressible(child):
        fitting = theirs.get(_Offer.of_method(method, mode))
        if fitting is not None:
            parent, transform = fitting
            chosen = Proposal(parent.proposal_number, parent.protocol, parent.spi, (transform,))
            return Selection(_choice(method, parent, transform), chosen)
    raise _nothing_in_common(offered, child, mode)


def accept(answer: SaPayload, child: Child, mode: int) -> PhaseTwoChoice:
    """What the responder chose of our `offer`; `BadAnswer` for what it was not offered."""
    transforms = _transforms(answer)
    if len(transforms) != 1:
        raise BadAnswer(f"the peer chose {len(transforms)} security methods instead of one")
    parent, transform = transforms[0]
    chosen = _Offer.of_transform(parent, transform, mode)
    for method in usable(child):
        if _Offer.of_method(method, mode) == chosen:
            return _choice(method, parent, transform)
    found = nearest.differences(_own_aspects(child, mode), [chosen.aspects()])
    raise BadAnswer(
        f"the peer chose a security method that it was not offered: {nearest.in_words(found)}",
        found,
    )


def _expressible(child: Child) -> Sequence[EspProposal]:
    """A responder is not bound to one group: the initiator has chosen it already."""
    return [method for method in child.proposals if method.cipher.doi is not None]


def _transform(number: int, method: EspProposal, mode: int) -> Transform:
    lifetime = Lifetime(method.lifetime_seconds, method.lifetime_kilobytes)
    values: list[tuple[int, int]] = []
    if method.group is not None:
        values.append((_A.GROUP_DESCRIPTION, method.group.number))
    values.append((_A.ENCAPSULATION_MODE, mode))
    if method.integrity is not None and method.integrity.doi is not None:
        values.append((_A.AUTHENTICATION_ALGORITHM, method.integrity.doi))
    if method.cipher.key_length_attribute:
        values.append((_A.KEY_LENGTH, method.cipher.key_bits))
    attributes = lifetime.attributes(_A.LIFE_TYPE, _A.LIFE_DURATION)
    attributes += tuple(Attribute.of(type_, value) for type_, value in values)
    return Transform(number, method.cipher.doi or 0, attributes)


def _transforms(payload: SaPayload) -> list[tuple[Proposal, Transform]]:
    """Those of ESP alone: proposals of one number belong together (RFC 2408 section 4.2), and a
    bundle with AH or compression is none that is supported here."""
    numbers = Counter(proposal.proposal_number for proposal in payload.proposals)
    return [
        (proposal, transform)
        for proposal in payload.proposals
        if proposal.protocol == ProtocolId.ESP
        and len(proposal.spi) == SPI_LENGTH
        and numbers[proposal.proposal_number] == 1
        for transform in proposal.transforms
    ]


def _choice(method: EspProposal, parent: Proposal, transform: Transform) -> PhaseTwoChoice:
    spi_out = int.from_bytes(parent.spi, "big")
    if spi_out < FIRST_USABLE_SPI:
        raise InvalidPayloads(f"the peer chose the reserved SPI {spi_out}")
    theirs = lifetimes.read(transform.attributes, _A.LIFE_TYPE, _A.LIFE_DURATION)
    ours = Lifetime(method.lifetime_seconds, method.lifetime_kilobytes)
    agreed = ours.agreed(theirs)
    seconds = agreed.seconds or lifetimes.DEFAULT_SECONDS
    return PhaseTwoChoice(
        method,
        spi_out,
        Lifetime(seconds, agreed.kilobytes),
        theirs,
    )


def _nothing_in_common(offered: SaPayload, child: Child, mode: int) -> NoProposalChosen:
    theirs = [
        (proposal, transform) for proposal in offered.proposals for transform in proposal.transforms
    ]
    if not theirs:
        return NoProposalChosen(f"the peer offers no security method for {child.name}")
    aspects = (_Offer.of_transform(*each, mode).aspects() for each in theirs)
    found = nearest.differences(_own_aspects(child, mode), aspects)
    if not found:
        return NoProposalChosen(
            f"the peer offers for {child.name} ESP together with AH or compression, "
            "which is not supported; let it offer ESP alone"
        )
    return NoProposalChosen(
        f"none of the peer's {len(theirs)} security methods is acceptable for {child.name}; "
        f"nearest is one that differs in {nearest.in_words(found)}. "
        "Let both gateways have one security method in common.",
        found,
    )


def _own_aspects(child: Child, mode: int) -> list[nearest.Aspects]:
    return [_Offer.of_method(method, mode).aspects() for method in _expressible(child)]
