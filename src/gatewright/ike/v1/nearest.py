"""Why nothing matched: the offer that came nearest, compared attribute by attribute.

An offer is a tuple of aspects in words, the same aspects in the same order on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from gatewright.ike.outputs import Difference

Aspects = Sequence[tuple[str, str]]
"""(item, value) pairs, e.g. ("encryption", "aes-256-cbc")."""

MAX_COMPARED = 32
"""Foreign offers that are looked at: who offers more, and nothing fitting, is not worth it."""


def differences(ours: Iterable[Aspects], theirs: Iterable[Aspects]) -> tuple[Difference, ...]:
    """On what the nearest pair of an own and a foreign offer differs; empty when one has none.

    Of ``theirs`` no more than ``MAX_COMPARED`` are taken.
    """
    foreign_offers = list(islice(theirs, MAX_COMPARED))
    pairs = [(own, foreign) for own in ours for foreign in foreign_offers]
    if not pairs:
        return ()
    own, foreign = min(pairs, key=lambda pair: len(_compare(*pair)))
    return _compare(own, foreign)


def _compare(own: Aspects, foreign: Aspects) -> tuple[Difference, ...]:
    return tuple(
        Difference(item, ours, theirs)
        for (item, ours), (_, theirs) in zip(own, foreign, strict=True)
        if ours != theirs
    )


def in_words(found: tuple[Difference, ...]) -> str:
    """``encryption (here aes-256-cbc, there 3des-cbc), ...``"""
    return ", ".join(f"{each.item} (here {each.ours}, there {each.theirs})" for each in found)
