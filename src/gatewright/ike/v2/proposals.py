"""Security methods of the policy as proposals on the wire, and the choice among a peer's.

A *suite* is one security method as the wire sees it: for each transform type the algorithms that
are acceptable, best first.  A type that a suite does not have must be absent, or NONE, in what the
peer offers (RFC 7296 section 3.3.6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from gatewright.iana.algorithms import Group
from gatewright.iana.ikev2 import ProtocolId, SequenceNumbers, TransformType
from gatewright.ike.v2.algorithms import NONE, Algorithm, cipher_algorithm
from gatewright.ike.v2.differences import explain_differences
from gatewright.ike.v2.errors import NoProposalChosen, PeerViolation
from gatewright.policy.compiled import EspProposal, IkeProposal
from gatewright.wire.v2.payloads.sa import Proposal, SaPayload, Transform

Suite = Mapping[int, tuple[Algorithm, ...]]
_T = TypeVar("_T", IkeProposal, EspProposal)

_ESN: Algorithm = (SequenceNumbers.EXTENDED_64.value, None)
_NO_ESN: Algorithm = (SequenceNumbers.SEQUENTIAL_32.value, None)


@dataclass(frozen=True, slots=True)
class Chosen(Generic[_T]):
    """What both sides accept: our security method, and the proposal as the answer has it.

    ``answer`` carries the peer's SPI until `answer_with` puts ours in its place.
    """

    method: _T
    answer: Proposal
    group: Group | None
    esn: bool = False

    @property
    def peer_spi(self) -> bytes:
        return self.answer.spi

    def answer_with(self, spi: bytes) -> SaPayload:
        return SaPayload((replace(self.answer, spi=spi),))


def ike_suite(method: IkeProposal) -> Suite:
    suite: dict[int, tuple[Algorithm, ...]] = {
        TransformType.ENCR: (cipher_algorithm(method.cipher),),
        TransformType.PRF: ((method.prf.ikev2, None),),
        TransformType.KE: ((method.group.number, None),),
    }
    if method.integrity is not None:
        suite[TransformType.INTEG] = ((method.integrity.ikev2, None),)
    return suite


def esp_suite(method: EspProposal, *, with_group: bool) -> Suite:
    """``with_group``: in CREATE_CHILD_SA; in IKE_AUTH there is no key exchange of its own."""
    suite: dict[int, tuple[Algorithm, ...]] = {
        TransformType.ENCR: (cipher_algorithm(method.cipher),),
        TransformType.SN: (_ESN, _NO_ESN) if method.esn else (_NO_ESN,),
    }
    if method.integrity is not None:
        suite[TransformType.INTEG] = ((method.integrity.ikev2, None),)
    if with_group and method.group is not None:
        suite[TransformType.KE] = ((method.group.number, None),)
    return suite


# --- offering ---------------------------------------------------------------------------------


def ike_offer(methods: Sequence[IkeProposal], spi: bytes = b"") -> SaPayload:
    """The SA payload of IKE_SA_INIT, or with an SPI that of an IKE rekey.

    Neighbours that differ in the group alone become one proposal.
    """
    suites: list[dict[int, tuple[Algorithm, ...]]] = []
    for method in methods:
        suite = dict(ike_suite(method))
        groups = suite.pop(TransformType.KE)
        if suites and {k: v for k, v in suites[-1].items() if k != TransformType.KE} == suite:
            suites[-1][TransformType.KE] += groups
        else:
            suites.append(suite | {TransformType.KE: groups})
    return _offer(suites, ProtocolId.IKE, spi)


def esp_offer(methods: Sequence[EspProposal], spi: bytes, *, with_group: bool) -> SaPayload:
    """The SA payload of a child SA."""
    suites = [esp_suite(method, with_group=with_group) for method in methods]
    return _offer(suites, ProtocolId.ESP, spi)


def _offer(suites: Sequence[Suite], protocol: ProtocolId, spi: bytes) -> SaPayload:
    return SaPayload(
        tuple(
            Proposal(number, protocol, spi, _transforms(suite))
            for number, suite in enumerate(suites, start=1)
        )
    )


def _transforms(suite: Suite) -> tuple[Transform, ...]:
    return tuple(
        Transform.with_key_length(kind, number, key_length)
        for kind in sorted(suite)
        for number, key_length in suite[kind]
    )


# --- choosing ---------------------------------------------------------------------------------


def choose_ike(
    methods: Sequence[IkeProposal], offered: SaPayload, *, spi_size: int
) -> Chosen[IkeProposal]:
    """Our most preferred method that the peer offers; raises `NoProposalChosen`.

    ``spi_size`` is 0 in IKE_SA_INIT and 8 in a rekey.
    """
    suites = [ike_suite(method) for method in methods]
    usable = [_Sorted.of(each) for each in _usable(offered, ProtocolId.IKE, spi_size)]
    for method, suite in zip(methods, suites, strict=True):
        for proposal in usable:
            answer = _match(suite, proposal)
            if answer is not None:
                return Chosen(method, answer, method.group)
    raise NoProposalChosen(
        "no IKE proposal of the peer is acceptable here: change the key exchange algorithms of "
        "one side to a set that both have",
        explain_differences(suites, offered, ProtocolId.IKE),
    )


def choose_esp(
    methods: Sequence[EspProposal], offered: SaPayload, *, with_group: bool
) -> Chosen[EspProposal]:
    """As `choose_ike`, for a child SA."""
    suites = [esp_suite(method, with_group=with_group) for method in methods]
    usable = _usable(offered, ProtocolId.ESP, 4)
    if not with_group:
        usable = [_without(TransformType.KE, proposal) for proposal in usable]
    by_kind = [_Sorted.of(each) for each in usable]
    for method, suite in zip(methods, suites, strict=True):
        for proposal in by_kind:
            answer = _match(suite, proposal)
            if answer is not None:
                return _chosen_esp(method, answer, with_group=with_group)
    raise NoProposalChosen(
        "no ESP proposal of the peer is acceptable here: change the security methods of one side "
        "to a set that both have",
        explain_differences(suites, offered, ProtocolId.ESP),
    )


def _chosen_esp(method: EspProposal, answer: Proposal, *, with_group: bool) -> Chosen[EspProposal]:
    sequence_numbers = answer.of_type(TransformType.SN)
    esn = any(transform.id == SequenceNumbers.EXTENDED_64 for transform in sequence_numbers)
    return Chosen(method, answer, method.group if with_group else None, esn)


def _usable(offered: SaPayload, protocol: ProtocolId, spi_size: int) -> list[Proposal]:
    return [
        proposal
        for proposal in offered.proposals
        if proposal.protocol == protocol and len(proposal.spi) == spi_size
    ]


def _without(kind: int, proposal: Proposal) -> Proposal:
    kept = tuple(transform for transform in proposal.transforms if transform.type != kind)
    return replace(proposal, transforms=kept)


@dataclass(frozen=True, slots=True)
class _Sorted:
    """A proposal with its transforms by type and algorithm; of those understood, the last."""

    proposal: Proposal
    by_kind: Mapping[int, Mapping[Algorithm, Transform]]

    @classmethod
    def of(cls, proposal: Proposal) -> _Sorted:
        by_kind: dict[int, dict[Algorithm, Transform]] = {}
        for transform in proposal.transforms:
            by_algorithm = by_kind.setdefault(transform.type, {})
            if transform.understood:
                by_algorithm[transform.id, transform.key_length] = transform
        return cls(proposal, by_kind)


def _match(suite: Suite, theirs: _Sorted) -> Proposal | None:
    """The proposal cut down to one transform of each type, or None (RFC 7296 section 3.3.6)."""
    chosen: list[Transform] = []
    for kind in sorted(theirs.by_kind.keys() | suite.keys()):
        by_algorithm = theirs.by_kind.get(kind, {})
        if kind not in suite:
            if kind not in (TransformType.INTEG, TransformType.KE) or NONE not in by_algorithm:
                return None
            chosen.append(by_algorithm[NONE])
            continue
        fitting = next((each for each in suite[kind] if each in by_algorithm), None)
        if fitting is None:
            return None
        chosen.append(by_algorithm[fitting])
    return replace(theirs.proposal, transforms=tuple(chosen))


# --- checking an answer -----------------------------------------------------------------------


def accepted_ike(
    methods: Sequence[IkeProposal], answer: SaPayload, *, spi_size: int
) -> Chosen[IkeProposal]:
    """What the responder took of our offer; raises `PeerViolation` (RFC 7296 section 2.7)."""
    proposal = _single(answer, ProtocolId.IKE, spi_size)
    by_kind = _Sorted.of(proposal)
    for method in methods:
        if _match(ike_suite(method), by_kind) is not None:
            return Chosen(method, proposal, method.group)
    raise PeerViolation("the peer chose IKE algorithms that were not offered")


def accepted_esp(
    methods: Sequence[EspProposal], answer: SaPayload, *, with_group: bool
) -> Chosen[EspProposal]:
    """As `accepted_ike`, for a child SA."""
    proposal = _single(answer, ProtocolId.ESP, 4)
    by_kind = _Sorted.of(proposal)
    for method in methods:
        if _match(esp_suite(method, with_group=with_group), by_kind) is not None:
            return _chosen_esp(method, proposal, with_group=with_group)
    raise PeerViolation("the peer chose ESP algorithms that were not offered")


def _single(answer: SaPayload, protocol: ProtocolId, spi_size: int) -> Proposal:
    proposal = answer.proposals[0]
    kinds = [transform.type for transform in proposal.transforms]
    if len(answer.proposals) != 1 or len(kinds) != len(set(kinds)):
        raise PeerViolation("the peer answered with more than one choice")
    if proposal.protocol != protocol or len(proposal.spi) != spi_size:
        raise PeerViolation(f"the peer answered with no {protocol.name} proposal")
    return proposal
