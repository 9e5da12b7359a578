"""Counters of the pairs, read from the kernel's SAs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from gatewright.dataplane.interface import SaCounters
from gatewright.dataplane.kernel import sad
from gatewright.dataplane.kernel.associations import Associations, Pair
from gatewright.dataplane.kernel.layout import Attribute, SaSeen, unpack_replay

Seen = tuple[SaSeen, Mapping[int, bytes]]


@dataclass(frozen=True, slots=True)
class _Look:
    """How many packets there were, and when (monotonic seconds) that was first seen."""

    packets: int
    since: float


class Traffic:
    """Kernels before 6.2 do not tell when an SA was last used: then it is when more packets were
    seen than before, which is no earlier than the last look."""

    def __init__(self) -> None:
        self._looks: dict[tuple[int, bool], _Look] = {}

    def forget(self, spi_in: int) -> None:
        for inbound in (False, True):
            self._looks.pop((spi_in, inbound), None)

    def read(self, pairs: Associations, wall: float, now: float) -> list[SaCounters]:
        """``wall``: seconds since 1970, as the kernel has them; ``now``: monotonic seconds."""
        seen: dict[sad.Half, Seen] = {
            sad.Half(sa.destination, sa.spi): (sa, attributes) for sa, attributes in pairs.seen()
        }
        return [self._one(pair, seen, wall, now) for pair in pairs]

    def _one(
        self, pair: Pair, seen: Mapping[sad.Half, Seen], wall: float, now: float
    ) -> SaCounters:
        sa = pair.sa
        inward = seen.get(sad.inbound_half(sa))
        outward = seen.get(sad.outbound_half(sa)) if pair.outbound else None
        return SaCounters(
            spi_in=sa.spi_in,
            packets_in=inward[0].packets if inward else 0,
            bytes_in=inward[0].octets if inward else 0,
            packets_out=outward[0].packets if outward else 0,
            bytes_out=outward[0].octets if outward else 0,
            last_in=self._last(inward, (sa.spi_in, True), wall, now),
            last_out=self._last(outward, (sa.spi_in, False), wall, now),
            outbound_active=outward is not None,
            sequence_out=_sequence(outward),
        )

    def _last(
        self, seen: Seen | None, key: tuple[int, bool], wall: float, now: float
    ) -> float | None:
        if seen is None or not seen[0].packets:
            return None
        sa, attributes = seen
        last_used = attributes.get(Attribute.LAST_USED, b"")
        if len(last_used) == 8:
            return max(0.0, wall - int.from_bytes(last_used, sys.byteorder))
        look = self._looks.get(key)
        if look is None or look.packets != sa.packets:
            look = self._looks[key] = _Look(sa.packets, now)
        return now - look.since


def _sequence(seen: Seen | None) -> int:
    if seen is None:
        return 0
    _, attributes = seen
    return unpack_replay(
        attributes.get(Attribute.REPLAY_EXTENDED), attributes.get(Attribute.REPLAY)
    ).sent
