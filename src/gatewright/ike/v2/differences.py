"""Why two sets of proposals have nothing in common, item by item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gatewright.iana.ikev2 import ProtocolId, TransformType
from gatewright.ike.outputs import Difference
from gatewright.ike.v2.algorithms import NONE, Algorithm, algorithm_name, item_name
from gatewright.wire.v2.payloads.sa import Proposal, SaPayload

_Suite = Mapping[int, tuple[Algorithm, ...]]


def explain_differences(
    suites: Sequence[_Suite], offered: SaPayload, protocol: ProtocolId
) -> tuple[Difference, ...]:
    """The items in which no offer of the peer has what any of our suites wants.

    When each item for itself has something in common, and only the combinations do not, the items
    in which the closest pair differs.
    """
    theirs = [_as_suite(each) for each in offered.proposals if each.protocol == protocol]
    if not theirs:
        offers = (ProtocolId.describe(each.protocol) for each in offered.proposals)
        return (Difference("protocol", protocol.name, ", ".join(dict.fromkeys(offers))),)
    apart = _disjoint(suites, theirs)
    if apart:
        return apart
    pairs = [(ours, peer, _disjoint([ours], [peer])) for ours in suites for peer in theirs]
    return min((found for _, _, found in pairs), key=len, default=())


def offered_items(suites: Sequence[_Suite], theirs: str) -> tuple[Difference, ...]:
    """All that we offered, for a peer that refuses without saying what it wants."""
    return tuple(
        Difference(item_name(kind), _names(kind, _algorithms(kind, suites)), theirs)
        for kind in _kinds(suites)
        if _algorithms(kind, suites) != [NONE]
    )


def _as_suite(proposal: Proposal) -> _Suite:
    suite: dict[int, tuple[Algorithm, ...]] = {}
    for transform in proposal.transforms:
        algorithm = (transform.id, transform.key_length)
        suite[transform.type] = (*suite.get(transform.type, ()), algorithm)
    return suite


def _disjoint(ours: Sequence[_Suite], theirs: Sequence[_Suite]) -> tuple[Difference, ...]:
    found: list[Difference] = []
    for kind in _kinds([*ours, *theirs]):
        we, they = _algorithms(kind, ours), _algorithms(kind, theirs)
        if not set(we) & set(they):
            found.append(Difference(item_name(kind), _names(kind, we), _names(kind, they)))
    return tuple(found)


def _kinds(suites: Iterable[_Suite]) -> list[int]:
    return sorted({kind for suite in suites for kind in suite})


def _algorithms(kind: int, suites: Sequence[_Suite]) -> list[Algorithm]:
    """All of one type, in order; a suite without the type wants none of it."""
    absent = (0, None) if kind != TransformType.ENCR else (-1, None)
    return list(dict.fromkeys(each for suite in suites for each in suite.get(kind, (absent,))))


def _names(kind: int, algorithms: Sequence[Algorithm]) -> str:
    return ", ".join(
        "none" if number < 0 else algorithm_name(kind, (number, key_length))
        for number, key_length in algorithms
    )
