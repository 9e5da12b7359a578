"""Keeping quick mode SAs: installation, confirmation, replacement, and their end.

Of two pairs for the same traffic the newer one is used, and the older is kept for packets on
their way: ``rekey_overlap`` seconds where this side made the newer one and cleans up, else until
the peer deletes it or its time is over.

The outbound half of a new pair waits.  A responder's waits for message 3.  An initiator's waits
until the responder can have installed the pair, which it does with message 3 and tells nobody: a
moment for a first pair, half of ``rekey_overlap`` for one that replaces another, so that message 3
can be lost once without loss of a packet.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from gatewright.ike.outputs import (
    ActivateChildSa,
    ChildSaClosed,
    ChildSaEstablished,
    DeleteChildSa,
    InstallChildSa,
)
from gatewright.ike.v1 import lifetimes
from gatewright.ike.v1.children import ChildState, ChildTable, QuickModeSa
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.tasks import delete
from gatewright.ike.v1.tasks.informational import Informational
from gatewright.ike.v1.tasks.quick_mode import Made
from gatewright.ike.v1.terms import Terms


class Tables(Protocol):
    """All pairs with the peer, also those that other main mode SAs with it keep."""

    def tables(self) -> list[ChildTable]: ...

    def look_at_keeper_of(self, table: ChildTable) -> None:
        """A pair in this table has been changed."""
        ...


class Keeper:
    """The pairs in ``core.children`` and what becomes of them."""

    def __init__(self, core: Core, informational: Informational, with_peer: Tables) -> None:
        self._core = core
        self._informational = informational
        self._with_peer = with_peer

    def install(
        self, made: Made, terms: Terms, began: float, now: float, *, initiated: bool
    ) -> None:
        """Both halves, the outbound one on standby."""
        timing, random = self._core.context.timing, self._core.context.random
        seconds = made.lifetime.seconds
        rekey_after = lifetimes.rekey_after(
            seconds, timing.margin(seconds), timing, random, first=initiated
        )
        pair = QuickModeSa(
            sa=made.sa,
            child=terms.child,
            initiated=initiated,
            nonce=made.nonce,
            began=began,
            established=now,
            rekey_at=now + rekey_after,
            expires=now + seconds,
            state=ChildState.INSTALLED if initiated else ChildState.PENDING,
        )
        if not len(self._core.children):
            # Of several tunnels to one peer, the first pair tells which one a responder serves.
            self._core.connection = self._core.connection_of(terms.child)
        older = self._older(pair)
        replaces = terms.replaces
        if replaces is None and older:
            replaces = older[-1].sa.spi_in
        self._core.children.add(pair)
        self._core.emit(InstallChildSa(pair.sa, replaces))
        if initiated:
            pair.activate_at = now + (
                timing.settle if replaces is None else timing.rekey_overlap / 2
            )
            self._establish(pair, replaces, now)

    def confirm(self, spi_in: int, now: float) -> None:
        """Message 3 has come: the responder's outbound half is in use."""
        pair = self._core.children.get(spi_in)
        if pair is None or pair.state is not ChildState.PENDING:
            return
        pair.state = ChildState.INSTALLED
        pair.established = now
        self._core.emit(ActivateChildSa(spi_in))
        older = self._older(pair)
        self._establish(pair, older[-1].sa.spi_in if older else None, now)

    def remove(self, spi_in: int, reason: str, now: float, *, tell: bool) -> None:
        """Take a pair away, and tell the peer if asked to and possible."""
        pair = self._core.children.pop(spi_in)
        if pair is None:
            return
        if tell and self._core.usable:
            self._informational.send_delete(delete.quick_mode_sas([spi_in]), now)
        self._closed(pair, reason)

    def remove_all(self, reason: str, *, tell: bool) -> None:
        pairs = self._core.children.take_all()
        if pairs and tell and self._core.usable:
            self._informational.send((delete.quick_mode_sas(pair.sa.spi_in for pair in pairs),))
        for pair in pairs:
            self._closed(pair, reason)

    def take_over(self, pairs: Iterable[QuickModeSa]) -> None:
        """Pairs that were made under another main mode SA with the same peer."""
        for pair in pairs:
            self._core.children.add(pair)

    def used_up(self, spi_in: int, now: float) -> None:
        """Nothing is sent on a pair any more; it receives for ``rekey_overlap`` seconds.

        Whatever is to replace it comes into use as soon as the peer can have installed it.
        """
        pair = self._core.children.get(spi_in)
        if pair is None:
            return
        timing = self._core.context.timing
        if pair.remove_at is None:
            pair.remove_at = now + timing.rekey_overlap
        for other in self._same_traffic(pair):
            if other.activate_at is not None:
                soonest = max(now, other.established + timing.settle)
                other.activate_at = min(other.activate_at, soonest)
                self._with_peer.look_at_keeper_of(self._table_of(other))

    def handle_timeout(self, now: float) -> list[QuickModeSa]:
        """Remove what is over; gives the pairs that have to be renewed now."""
        due = self._core.children.due(now)
        for pair in due:
            if now >= pair.expires:
                self.remove(pair.sa.spi_in, "its lifetime is over", now, tell=True)
            elif pair.remove_at is not None and now >= pair.remove_at:
                replaced = pair.state is ChildState.REPLACED
                reason = "replaced by a newer pair" if replaced else "it is used up"
                self.remove(pair.sa.spi_in, reason, now, tell=True)
            elif pair.activate_at is not None and now >= pair.activate_at:
                pair.activate_at = None
                self._core.emit(ActivateChildSa(pair.sa.spi_in))
        return [
            pair
            for pair in due
            if pair.state is ChildState.INSTALLED
            and now >= pair.rekey_at
            and self._core.children.get(pair.sa.spi_in) is pair
        ]

    def rekey_failed(self, spi_in: int, now: float) -> None:
        """Try again while there is time."""
        pair = self._core.children.get(spi_in)
        if pair is not None and pair.state is ChildState.REKEYING:
            pair.state = ChildState.INSTALLED
            pair.rekey_at = now + self._core.context.timing.retry_delay

    # --- inside ------------------------------------------------------------------------------

    def _establish(self, pair: QuickModeSa, replaces: int | None, now: float) -> None:
        self._core.emit(ChildSaEstablished(pair.sa, pair.initiated, replaces))
        for older in self._older(pair):
            loser = _redundant(older, pair)
            loser.state = ChildState.REPLACED
            cleans_up = loser.initiated if _collided(older, pair) else pair.initiated
            if cleans_up:
                loser.remove_at = now + self._core.context.timing.rekey_overlap
                self._with_peer.look_at_keeper_of(self._table_of(loser))

    def _older(self, pair: QuickModeSa) -> list[QuickModeSa]:
        """Pairs in use for the same traffic, oldest first."""
        in_use = (ChildState.INSTALLED, ChildState.REKEYING)
        return [other for other in self._same_traffic(pair) if other.state in in_use]

    def _same_traffic(self, pair: QuickModeSa) -> list[QuickModeSa]:
        return [
            other
            for table in self._with_peer.tables()
            for other in table.of_traffic(pair.traffic)
            if other is not pair
        ]

    def _table_of(self, pair: QuickModeSa) -> ChildTable:
        tables = self._with_peer.tables()
        return next(table for table in tables if table.get(pair.sa.spi_in) is pair)

    def _closed(self, pair: QuickModeSa, reason: str) -> None:
        sa = pair.sa
        self._core.emit(DeleteChildSa(sa.spi_in, reason))
        self._core.emit(ChildSaClosed(sa.tunnel, sa.child, sa.spi_in, sa.spi_out, reason))


def _collided(older: QuickModeSa, newer: QuickModeSa) -> bool:
    """Whether both sides made a pair for the same traffic at the same time."""
    return older.initiated != newer.initiated and older.established > newer.began


def _redundant(older: QuickModeSa, newer: QuickModeSa) -> QuickModeSa:
    """Which of the two goes: the older, or after a collision that with the lower nonce."""
    if _collided(older, newer):
        return min(older, newer, key=lambda pair: pair.nonce)
    return older
