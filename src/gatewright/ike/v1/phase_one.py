"""The SA payload of main mode: from policy to wire, and the choice among a peer's offers.

RFC 2409 section 5 and appendix A: one proposal with protocol ISAKMP, one transform for each
acceptable set of algorithms.  A responder returns the transform that it chose octet for octet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatewright.iana.ikev1 import (
    AuthenticationMethod,
    Doi,
    EncryptionAlgorithm,
    IsakmpTransform,
    PhaseOneAttribute,
    ProtocolId,
    Situation,
)
from gatewright.ike.v1 import lifetimes, nearest, words
from gatewright.ike.v1.errors import BadAnswer, NoProposalChosen, Unfit
from gatewright.ike.v1.lifetimes import Lifetime
from gatewright.policy.compiled import Connection, IkeProposal
from gatewright.wire.v1.attributes import Attribute
from gatewright.wire.v1.payloads.sa import Proposal, SaPayload, Transform

GROUPS_WITH_IKEV1_NUMBER = frozenset({1, 2, 5, 14, 15, 16, 19, 20, 21})  # RFC 2409, 3526, 5903
_A = PhaseOneAttribute
_KNOWN = frozenset(
    {
        _A.ENCRYPTION,
        _A.HASH,
        _A.AUTHENTICATION_METHOD,
        _A.GROUP_DESCRIPTION,
        _A.LIFE_TYPE,
        _A.LIFE_DURATION,
        _A.KEY_LENGTH,
        _A.GSS_IDENTITY_NAME,  # Windows adds it to every offer of a domain member
    }
)


@dataclass(frozen=True, slots=True)
class PhaseOneChoice:
    """What both sides agree on; ``lifetime`` of the main mode SA in seconds."""

    proposal: IkeProposal
    lifetime: int


@dataclass(frozen=True, slots=True)
class Selection:
    """A responder's choice: whose it is, and the SA payload that says so."""

    connection: Connection
    choice: PhaseOneChoice
    answer: SaPayload


@dataclass(frozen=True, slots=True)
class _Offer:
    """A transform in numbers, 0 for an attribute that is not there."""

    encryption: int
    key_bits: int
    hash: int
    method: int
    group: int
    foreign: int  # an attribute that nobody here knows

    @classmethod
    def of_proposal(cls, proposal: IkeProposal) -> _Offer:
        key_bits = proposal.cipher.key_bits if proposal.cipher.key_length_attribute else 0
        return cls(
            proposal.cipher.ikev1 or 0,
            key_bits,
            proposal.prf.ikev1 or 0,
            AuthenticationMethod.PRESHARED_KEY,
            proposal.group.number,
            0,
        )

    @classmethod
    def of_transform(cls, transform: Transform) -> _Offer:
        values = {each.type: each.number for each in reversed(transform.attributes)}
        foreign = next((each.type for each in transform.attributes if each.type not in _KNOWN), 0)
        encryption = values.get(_A.ENCRYPTION, 0)
        fixed = {EncryptionAlgorithm.DES_CBC, EncryptionAlgorithm.TRIPLE_DES_CBC}
        return cls(
            encryption,
            0 if encryption in fixed else values.get(_A.KEY_LENGTH, 0),
            values.get(_A.HASH, 0),
            values.get(_A.AUTHENTICATION_METHOD, 0),
            values.get(_A.GROUP_DESCRIPTION, 0),
            foreign,
        )

    def aspects(self) -> nearest.Aspects:
        return (
            ("encryption", words.phase_one_cipher(self.encryption, self.key_bits)),
            ("hash", words.hash_(self.hash)),
            ("Diffie-Hellman group", words.group(self.group)),
            ("authentication method", words.authentication_method(self.method)),
            ("attribute", f"number {self.foreign}" if self.foreign else "none besides"),
        )


def usable(proposals: Sequence[IkeProposal]) -> tuple[IkeProposal, ...]:
    """Those that IKEv1 has numbers for."""
    return tuple(
        proposal
        for proposal in proposals
        if proposal.cipher.ikev1 is not None
        and proposal.prf.ikev1 is not None
        and proposal.group.number in GROUPS_WITH_IKEV1_NUMBER
    )


def offer(connection: Connection) -> SaPayload:
    """All that the connection accepts, best first; `Unfit` when IKEv1 can express none of it."""
    lifetime = Lifetime(connection.lifetime)
    proposals = usable(connection.proposals)
    if not proposals:
        raise Unfit(
            f"{connection.source or connection.name}: none of the algorithm sets for the key "
            "exchange exists in IKEv1; use ciphers in CBC mode, an HMAC, and a MODP or ECP group"
        )
    transforms = tuple(
        _transform(number, proposal, lifetime) for number, proposal in enumerate(proposals, 1)
    )
    return SaPayload((Proposal(1, ProtocolId.ISAKMP, b"", transforms),))


def select(offered: SaPayload, connections: Sequence[Connection]) -> Selection:
    """The first set of algorithms of ours that the peer offers too; else `NoProposalChosen`."""
    theirs: dict[_Offer, tuple[Proposal, Transform]] = {}
    for parent, transform in _transforms(offered):
        theirs.setdefault(_Offer.of_transform(transform), (parent, transform))
    for connection in connections:
        for proposal in usable(connection.proposals):
            fitting = theirs.get(_Offer.of_proposal(proposal))
            if fitting is not None:
                answer = SaPayload((_only(*fitting),))
                return Selection(connection, _choice(connection, proposal, fitting[1]), answer)
    raise _nothing_in_common(offered, connections)


def accept(answer: SaPayload, connection: Connection) -> PhaseOneChoice:
    """What the responder chose of our `offer`; `BadAnswer` for what it was not offered."""
    transforms = _transforms(answer)
    if len(transforms) != 1:
        raise BadAnswer(f"the peer chose {len(transforms)} algorithm sets instead of one")
    chosen = _Offer.of_transform(transforms[0][1])
    for proposal in usable(connection.proposals):
        if _Offer.of_proposal(proposal) == chosen:
            return _choice(connection, proposal, transforms[0][1])
    found = nearest.differences(_own_aspects([connection]), [chosen.aspects()])
    raise BadAnswer(
        f"the peer chose an algorithm set that it was not offered: {nearest.in_words(found)}", found
    )


def _transform(number: int, proposal: IkeProposal, lifetime: Lifetime) -> Transform:
    values = [
        (_A.ENCRYPTION, proposal.cipher.ikev1 or 0),
        (_A.HASH, proposal.prf.ikev1 or 0),
        (_A.AUTHENTICATION_METHOD, AuthenticationMethod.PRESHARED_KEY),
        (_A.GROUP_DESCRIPTION, proposal.group.number),
    ]
    if proposal.cipher.key_length_attribute:
        values.append((_A.KEY_LENGTH, proposal.cipher.key_bits))
    attributes = tuple(Attribute.of(type_, value) for type_, value in values)
    attributes += lifetime.attributes(_A.LIFE_TYPE, _A.LIFE_DURATION)
    return Transform(number, IsakmpTransform.KEY_IKE, attributes)


def _transforms(payload: SaPayload) -> list[tuple[Proposal, Transform]]:
    return [
        (proposal, transform)
        for proposal in payload.proposals
        if proposal.protocol == ProtocolId.ISAKMP
        for transform in proposal.transforms
        if transform.id == IsakmpTransform.KEY_IKE
    ]


def _only(proposal: Proposal, transform: Transform) -> Proposal:
    return Proposal(proposal.proposal_number, proposal.protocol, proposal.spi, (transform,))


def _choice(connection: Connection, proposal: IkeProposal, transform: Transform) -> PhaseOneChoice:
    theirs = lifetimes.read(transform.attributes, _A.LIFE_TYPE, _A.LIFE_DURATION)
    agreed = Lifetime(connection.lifetime).agreed(theirs)
    return PhaseOneChoice(proposal, agreed.seconds or lifetimes.DEFAULT_SECONDS)


def _nothing_in_common(offered: SaPayload, connections: Sequence[Connection]) -> NoProposalChosen:
    if offered.doi != Doi.IPSEC or offered.situation != Situation.IDENTITY_ONLY:
        return NoProposalChosen(
            f"the peer offers domain of interpretation {offered.doi} with situation "
            f"{offered.situation}; supported is IPsec with identity only"
        )
    theirs = _transforms(offered)
    if not theirs:
        return NoProposalChosen("the peer offers nothing for a key exchange with IKEv1")
    aspects = (_Offer.of_transform(transform).aspects() for _, transform in theirs)
    found = nearest.differences(_own_aspects(connections), aspects)
    return NoProposalChosen(
        f"none of the peer's {len(theirs)} algorithm sets for main mode is acceptable; "
        f"nearest is one that differs in {nearest.in_words(found)}. "
        "Let both gateways have one set in common.",
        found,
    )


def _own_aspects(connections: Sequence[Connection]) -> list[nearest.Aspects]:
    return [
        _Offer.of_proposal(proposal).aspects()
        for connection in connections
        for proposal in usable(connection.proposals)
    ]
