"""Lifetimes: as attributes of a transform, as agreed by two sides, and as points in time.

A lifetime is a pair of attributes, unit and then duration (RFC 2409 appendix A, RFC 2407 section
4.5), once for seconds and once for kilobytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gatewright.iana.ikev1 import LifeType
from gatewright.ike.machine import RandomSource, Timing
from gatewright.wire.v1.attributes import Attribute

DEFAULT_SECONDS = 28800  # RFC 2407 section 4.5: when the peer names none
_LONGEST = 0xFFFFFFFF
_RANDOM_OCTETS = 4
_RANDOM_RANGE = 256**4


@dataclass(frozen=True, slots=True)
class Lifetime:
    """``seconds`` 0: not named; ``kilobytes`` 0: no limit."""

    seconds: int
    kilobytes: int = 0

    def agreed(self, other: Lifetime) -> Lifetime:
        """The shorter of each that is named by one of the two at least."""
        return Lifetime(
            _shorter(self.seconds, other.seconds), _shorter(self.kilobytes, other.kilobytes)
        )

    def attributes(self, unit: int, duration: int) -> tuple[Attribute, ...]:
        """``unit`` and ``duration`` are the attribute numbers of the phase."""
        pairs = ((LifeType.SECONDS, self.seconds), (LifeType.KILOBYTES, self.kilobytes))
        return tuple(
            Attribute.of(number, value)
            for kind, amount in pairs
            if amount
            for number, value in ((unit, int(kind)), (duration, amount))
        )


def read(attributes: Iterable[Attribute], unit: int, duration: int) -> Lifetime:
    """What the attributes of a transform or of a RESPONDER_LIFETIME notify say.

    A duration without a unit is one in seconds; a unit that does not exist is ignored.
    """
    amounts = {LifeType.SECONDS: 0, LifeType.KILOBYTES: 0}
    kind: int = LifeType.SECONDS
    for attribute in attributes:
        if attribute.type == unit:
            kind = attribute.number
        elif attribute.type == duration:
            known = LifeType.find(kind)
            if known is not None:
                amounts[known] = min(attribute.number, _LONGEST)
    return Lifetime(amounts[LifeType.SECONDS], amounts[LifeType.KILOBYTES])


def rekey_after(
    lifetime: float, margin: float, timing: Timing, random: RandomSource, *, first: bool
) -> float:
    """The part of a lifetime after which to rekey, in its unit.

    ``margin``, before its end, is in that unit too.

    ``first``: this side initiated and renews the SA; the other side renews it only when that did
    not happen, in the last quarter of the margin, so that the two do not collide (RFC 2409 knows
    no rule for collisions).
    """
    chance = int.from_bytes(random(_RANDOM_OCTETS), "big") / _RANDOM_RANGE
    randomised = margin * (1 - timing.rekey_fuzz * chance)
    return lifetime - (randomised if first else randomised / 4)


def _shorter(ours: int, theirs: int) -> int:
    return min(ours, theirs) if ours and theirs else ours or theirs
