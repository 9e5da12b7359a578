"""The child SAs of an IKE SA: their states, their lifetimes, and what the data plane is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from gatewright.ike.grouping import Grouping
from gatewright.ike.machine import Timing
from gatewright.ike.outputs import (
    ActivateChildSa,
    ChildSaClosed,
    ChildSaEstablished,
    ChildSaSnapshot,
    DeleteChildSa,
    InstallChildSa,
    Output,
    UpdateTransport,
)
from gatewright.ike.timetable import Timetable, Watched
from gatewright.ike.v2.path import Path
from gatewright.ipsec.association import ChildSa
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Child, EspProposal


class ChildState(Enum):
    INSTALLED = "installed"
    REKEYING = "rekeying"  # our request to rekey it is under way
    REPLACED = "replaced"  # rekeyed; its deletion is still to come
    REDUNDANT = "redundant"  # lost a rekey collision: nobody sends on it, its maker deletes it
    DELETING = "deleting"  # our request to delete it is under way
    LINGERING = "lingering"  # deleted; the inbound half stays for packets on their way


@dataclass(frozen=True, slots=True)
class PeerRekey:
    """The peer's rekey of the same child SA, answered while ours was under way.

    ``lowest_nonce`` is the lower of its two nonces, by which RFC 7296 section 2.8.1 decides which
    of the two new SAs is redundant.
    """

    spi_in: int
    lowest_nonce: bytes


@dataclass(slots=True, eq=False)
class ChildEntry(Watched):
    """One child SA; times in seconds, None for never."""

    sa: ChildSa
    child: Child
    method: EspProposal
    since: float
    rekey_at: float | None
    expire_at: float
    state: ChildState = ChildState.INSTALLED
    replaced_by: int | None = None
    peer_rekey: PeerRekey | None = None
    remove_at: float | None = None
    activate_at: float | None = None

    @property
    def spi_in(self) -> int:
        return self.sa.spi_in

    @property
    def standing(self) -> bool:
        """Whether the peer has it too, as far as we know."""
        return self.state is not ChildState.LINGERING

    def next_timeout(self) -> float | None:
        if self.state is ChildState.LINGERING:
            return self.remove_at
        times = [self.expire_at]
        if self.state is ChildState.INSTALLED and self.rekey_at is not None:
            times.append(self.rekey_at)
        if self.activate_at is not None:
            times.append(self.activate_at)
        return min(times)


class Children:
    """The child SAs by inbound SPI.  ``outputs`` is where to put what the data plane is to do.

    One IKE SA may have ten thousand: nothing here that is asked for each message looks at all.
    """

    def __init__(self, outputs: list[Output]) -> None:
        self._entries: dict[int, ChildEntry] = {}
        self._by_policy: Grouping[int, ChildEntry] = Grouping()
        self._by_outbound: Grouping[int, ChildEntry] = Grouping()
        self._times: Timetable[ChildEntry] = Timetable()
        self._outputs = outputs

    def __iter__(self) -> Iterator[ChildEntry]:
        return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, spi_in: int) -> ChildEntry | None:
        return self._entries.get(spi_in)

    @property
    def any_standing(self) -> bool:
        newest_first = reversed(self._entries.values())  # those that linger are old
        return any(entry.standing for entry in newest_first)

    def of_policy(self, policy_id: int) -> list[ChildEntry]:
        """Those of one child of the policy, oldest first."""
        return self._by_policy.of(policy_id)

    def by_outbound(self, spi_out: int) -> ChildEntry | None:
        """The one that the peer knows by this SPI."""
        return next((each for each in self._by_outbound.of(spi_out) if each.standing), None)

    def serving(
        self, child: Child, trigger: tuple[TrafficSelector, TrafficSelector] | None
    ) -> ChildEntry | None:
        """A usable SA of this child, and if a packet is given, one that carries it."""
        for entry in self.of_policy(child.policy_id):
            if entry.state not in (ChildState.INSTALLED, ChildState.REKEYING):
                continue
            if trigger is None or (
                any(each.covers(trigger[0]) for each in entry.sa.local)
                and any(each.covers(trigger[1]) for each in entry.sa.remote)
            ):
                return entry
        return None

    # --- the ways to an entry ----------------------------------------------------------------

    def _take_in(self, entry: ChildEntry) -> None:
        self._entries[entry.spi_in] = entry
        self._by_outbound.put(entry, entry.sa.spi_out)
        entry.watcher = self._note_change

    def _note_change(self, entry: ChildEntry) -> None:
        self._times.changed(entry)
        self._by_policy.put(entry, entry.child.policy_id)

    def _let_go(self, entry: ChildEntry) -> None:
        entry.watcher = None
        del self._entries[entry.spi_in]
        self._by_outbound.discard(entry)
        self._by_policy.discard(entry)
        self._times.forget(entry)

    # --- changes -----------------------------------------------------------------------------

    def install(self, entry: ChildEntry, *, initiator: bool, replaces: int | None) -> None:
        self._take_in(entry)
        self._outputs.append(InstallChildSa(entry.sa, replaces))
        self._outputs.append(ChildSaEstablished(entry.sa, initiator, replaces))

    def replaced(self, old: ChildEntry, new_spi_in: int) -> None:
        """``old`` is rekeyed; its deletion is still to be asked for, by whoever won."""
        old.state = ChildState.REPLACED
        old.replaced_by = new_spi_in

    def activate(self, spi_in: int) -> None:
        """The peer has the new keys for certain."""
        entry = self._entries.get(spi_in)
        if entry is None or entry.state is ChildState.REDUNDANT:
            return
        if entry.sa.outbound_standby:
            self._outputs.append(ActivateChildSa(spi_in))

    def activate_settled(self, entries: Iterable[ChildEntry], now: float) -> None:
        """The peer has had the time to install what we answered."""
        for entry in entries:
            if entry.activate_at is not None and entry.activate_at <= now:
                entry.activate_at = None
                self.activate(entry.spi_in)

    def used_up(self, spi_in: int, now: float, timing: Timing) -> None:
        """Nothing is sent on it any more; it receives for ``rekey_overlap`` seconds at most.

        A successor that waits comes into use as soon as the peer can have installed it.
        """
        entry = self._entries.get(spi_in)
        if entry is None:
            return
        entry.expire_at = min(entry.expire_at, now + timing.rekey_overlap)
        successor = self._entries.get(entry.replaced_by or 0)
        if successor is not None and successor.sa.outbound_standby:
            successor.activate_at = max(now, successor.since + timing.settle)

    def deleted(self, entry: ChildEntry, now: float, reason: str, overlap: float) -> None:
        """Both sides agree that it is gone.

        One that was replaced stays for ``overlap`` seconds inbound.
        """
        successor = entry.replaced_by
        self._outputs.append(
            ChildSaClosed(
                entry.sa.tunnel, entry.sa.child, entry.sa.spi_in, entry.sa.spi_out, reason
            )
        )
        if successor is None or successor not in self._entries:
            self._remove(entry, reason)
            return
        self.activate(successor)
        entry.state = ChildState.LINGERING
        entry.remove_at = now + overlap

    def _remove(self, entry: ChildEntry, reason: str) -> None:
        self._let_go(entry)
        self._outputs.append(DeleteChildSa(entry.spi_in, reason))

    def remove_lingering(self, entries: Iterable[ChildEntry], now: float) -> None:
        for entry in entries:
            known = self._entries.get(entry.spi_in) is entry
            if known and entry.remove_at is not None and entry.remove_at <= now:
                self._remove(entry, "rekeyed")

    def remove_all(self, reason: str) -> None:
        """The IKE SA is gone, and its child SAs with it."""
        for entry in self:
            if entry.standing:
                sa = entry.sa
                closed = ChildSaClosed(sa.tunnel, sa.child, sa.spi_in, sa.spi_out, reason)
                self._outputs.append(closed)
            self._remove(entry, reason)

    def move(self, path: Path) -> None:
        """The peer's address changed."""
        for entry in self:
            remote = str(path.remote.ip)
            self._outputs.append(UpdateTransport(entry.spi_in, remote, path.remote.port))

    def give_to(self, heir: Children) -> None:
        """An IKE SA that replaces this one inherits the child SAs (RFC 7296 section 2.8.2)."""
        for entry in self:
            self._let_go(entry)
            heir._take_in(entry)

    # --- time --------------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        return self._times.next_timeout()

    def due(self, now: float) -> list[ChildEntry]:
        """Those whose time has come for something, oldest first."""
        return sorted(self._times.due(now), key=lambda entry: entry.since)

    def twin(self, entry: ChildEntry) -> ChildEntry | None:
        """Another SA that carries the same traffic.

        It comes to be when both sides make the same child SA at once.
        """
        for other in self.of_policy(entry.child.policy_id):
            if (
                other is not entry
                and other.state is ChildState.INSTALLED
                and other.sa.local == entry.sa.local
                and other.sa.remote == entry.sa.remote
            ):
                return other
        return None

    def snapshot(self, now: float) -> tuple[ChildSaSnapshot, ...]:
        return tuple(_snapshot(entry, now) for entry in self)


def needs_rekey(entry: ChildEntry, now: float) -> bool:
    """Whether it has had most of its lifetime."""
    return (
        entry.state is ChildState.INSTALLED
        and entry.rekey_at is not None
        and entry.rekey_at <= now < entry.expire_at
    )


def has_expired(entry: ChildEntry, now: float) -> bool:
    return entry.standing and entry.expire_at <= now


def lesser(one: ChildEntry, other: ChildEntry) -> ChildEntry:
    """Of twins the one that goes: both sides know the same pairs of SPIs, and choose alike."""
    return min(one, other, key=lambda each: sorted((each.sa.spi_in, each.sa.spi_out)))


def _snapshot(entry: ChildEntry, now: float) -> ChildSaSnapshot:
    sa = entry.sa
    algorithms = [sa.cipher.name]
    if sa.integrity is not None:
        algorithms.append(sa.integrity.name)
    if sa.esn:
        algorithms.append("esn")
    return ChildSaSnapshot(
        child=sa.child,
        policy_id=sa.policy_id,
        spi_in=sa.spi_in,
        spi_out=sa.spi_out,
        algorithms=" / ".join(algorithms),
        encapsulation=sa.transport.encapsulation.value,
        state=entry.state.value,
        age=now - entry.since,
        rekey_in=None if entry.rekey_at is None else entry.rekey_at - now,
        expires_in=None if not entry.standing else entry.expire_at - now,
    )
