"""Why two sets of proposals have nothing in common, item by item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gatewright.iana.ikev2 import ProtocolId, TransformType
from gatewright.ike.outputs import Difference
from gatewright.ike.v2.algorithms import NONE, Algorithm, algorithm_name, item_name
from gatewright.wire.v2.payloads.sa import Proposal, SaPayload

MAX_COMPARED = 32
"""Proposals of a peer that are looked at: who offers more, and nothing fitting, is not worth it."""
MAX_NAMED = 16
"""Algorithms of an item, and items, that are told."""

_Suite = Mapping[int, tuple[Algorithm, ...]]


def explain_differences(
    suites: Sequence[_Suite], offered: SaPayload, protocol: ProtocolId
) -> tuple[Difference, ...]:
    """The items in which no offer of the peer has what any of our suites wants.

    When each item for itself has something in common, and only the combinations do not, the items
    in which the closest pair differs.
    """
    fitting = [each for each in offered.proposals if each.protocol == protocol]
    theirs = [_as_suite(each) for each in fitting[:MAX_COMPARED]]
    if not theirs:
        offers = (ProtocolId.describe(each.protocol) for each in offered.proposals)
        return (Difference("protocol", protocol.name, ", ".join(dict.fromkeys(offers))),)
    apart = _disjoint(suites, theirs)
    if apart:
        return apart[:MAX_NAMED]
    pairs = [(ours, peer, _disjoint([ours], [peer])) for ours in suites for peer in theirs]
    return min((found for _, _, found in pairs), key=len, default=())[:MAX_NAMED]


def offered_items(suites: Sequence[_Suite], theirs: str) -> tuple[Difference, ...]:
    """All that we offered, for a peer that refuses without saying what it wants."""
    return tuple(
        Difference(item_name(kind), _names(kind, _algorithms(kind, suites)), theirs)
        for kind in _kinds(suites)
        if _algorithms(kind, suites) != [NONE]
    )


def _as_suite(proposal: Proposal) -> _Suite:
    suite: dict[int, list[Algorithm]] = {}
    for transform in proposal.transforms:
        suite.setdefault(transform.type, []).append((transform.id, transform.key_length))
    return {kind: tuple(algorithms) for kind, algorithms in suite.items()}


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
    names = [
        "none" if number < 0 else algorithm_name(kind, (number, key_length))
        for number, key_length in algorithms[:MAX_NAMED]
    ]
    more = len(algorithms) - len(names)
    return ", ".join([*names, *([f"and {more} more"] if more else [])])
