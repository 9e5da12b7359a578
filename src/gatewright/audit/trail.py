"""The audit trail: a few of the newest events in memory, all of them on disk, and who listens.

A warning or error that repeats the last event of its tunnel is counted, not written again, so that
a peer that fails every few seconds is one line with a count.  What strangers can cause has a
budget besides: when it is spent, all of a kind count as one, so that nobody can push the history
out of the trail with messages that differ in what the text quotes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from gatewright.audit.event import Event, Kind, Record, Severity

Listener = Callable[[Record], None]

_LOOK_BACK = 32
"""How many records back an event may repeat; more than there are everyday reasons to drop."""

_STRANGERS = frozenset(
    {
        Kind.MESSAGE_DROPPED,
        Kind.PROPOSAL_REFUSED,
        Kind.NEGOTIATION_FAILED,
        Kind.AUTHENTICATION_FAILED,
    }
)
"""What somebody without a key can make happen, with an address that is not even his."""

_BURST = 20
_REFILL = 30.0  # seconds until one more


class Sink(Protocol):
    """Where records are kept; ``store.Store`` is one."""

    def put(self, record: Record) -> None: ...

    def newest(
        self, count: int, *, tunnel: str | None = None, before: int | None = None
    ) -> Sequence[Record]: ...


class Trail:
    """``wall_clock`` gives seconds since 1970.  ``capacity``: records in memory; the ``sink`` has
    those before.

    A repetition within ``collapse`` seconds changes the record in place: same sequence number,
    later ``last``, higher ``count``.  Repetitions are kept and told at most once in
    ``repeat_interval`` seconds, since a flood of datagrams is one.
    """

    def __init__(
        self,
        wall_clock: Callable[[], float],
        sink: Sink | None = None,
        capacity: int = 200,
        collapse: float = 3600.0,
        repeat_interval: float = 1.0,
    ) -> None:
        self._clock = wall_clock
        self._sink = sink
        self._collapse = collapse
        self._repeat_interval = repeat_interval
        self._records: deque[Record] = deque(sink.newest(capacity) if sink else (), capacity)
        self._next = self._records[-1].sequence + 1 if self._records else 1
        self._listeners: list[Listener] = []
        self._budgets: dict[str, _Budget] = {}
        self._newest_of: dict[tuple[Kind, str], int] = {}
        self._told: dict[int, float] = {}  # when each of the newest records was last told
        self._untold: dict[int, Record] = {}

    def add(self, event: Event) -> Record:
        now = self._clock()
        place = self._repetition(event, now)
        if place is None and event.kind in _STRANGERS:
            place = self._one_of_many(event, now)
        if place is None:
            self.flush()
            self._told = {number: at for number, at in self._told.items() if self._recent(number)}
            record = Record(self._next, now, now, 1, event)
            self._next += 1
            self._records.append(record)
            if event.kind in _STRANGERS:
                self._note_newest(record, now)
            self._tell(record, now)
            return record
        former = self._records[place]
        record = replace(former, last=now, count=former.count + 1, event=event)
        self._records[place] = record
        if now - self._told.get(record.sequence, 0.0) >= self._repeat_interval:
            self._tell(record, now)
        else:
            self._untold[record.sequence] = record
        return record

    def flush(self) -> None:
        """Keep and tell what was held back."""
        now = self._clock()
        for record in tuple(self._untold.values()):
            self._tell(record, now)

    def newest(self, count: int, tunnel: str | None = None) -> Sequence[Record]:
        """The newest records, of one tunnel or of all, oldest of them first."""
        if count <= 0:
            return []
        wanted = [each for each in self._records if tunnel is None or each.event.tunnel == tunnel]
        missing = count - len(wanted)
        if missing > 0 and self._records and self._sink is not None:
            before = self._records[0].sequence
            return [*self._sink.newest(missing, tunnel=tunnel, before=before), *wanted]
        return wanted[-count:]

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call for each new or repeated record; the result ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _note_newest(self, record: Record, now: float) -> None:
        """Beside that, forget tunnels of which no record is left and whose budget is whole."""
        self._newest_of[record.event.kind, record.event.tunnel] = record.sequence
        if len(self._newest_of) > 2 * len(self._records):
            first = self._records[0].sequence
            self._newest_of = {key: n for key, n in self._newest_of.items() if n >= first}
            self._budgets = {key: b for key, b in self._budgets.items() if not b.is_whole(now)}

    def _tell(self, record: Record, now: float) -> None:
        self._told[record.sequence] = now
        self._untold.pop(record.sequence, None)
        if self._sink is not None:
            self._sink.put(record)
        for listener in tuple(self._listeners):
            listener(record)

    def _recent(self, sequence: int) -> bool:
        return sequence > self._next - _LOOK_BACK

    def _repetition(self, event: Event, now: float) -> int | None:
        """Index of the record that this event repeats.

        Looks back over a few records: when two tunnels fail in turn, each repeats itself.
        Stops at a different event of the same tunnel, since then something happened in between.
        """
        if event.severity is Severity.INFORMATION:
            return None
        for back in range(1, min(_LOOK_BACK, len(self._records)) + 1):
            record = self._records[-back]
            if record.event.sameness == event.sameness:
                return len(self._records) - back if now - record.last <= self._collapse else None
            if record.event.tunnel == event.tunnel and event.tunnel:
                return None
        return None

    def _one_of_many(self, event: Event, now: float) -> int | None:
        """Index of the record that stands for this event when the budget is spent."""
        newest = self._newest_of.get((event.kind, event.tunnel))
        back = self._next - newest if newest is not None else 0
        if not 0 < back <= len(self._records):
            return None
        budget = self._budgets.setdefault(event.tunnel, _Budget(now))
        return None if budget.spend(now) else len(self._records) - back


class _Budget:
    """New records for the strangers of one tunnel, or for all that belong to none."""

    def __init__(self, now: float) -> None:
        self._left = float(_BURST)
        self._at = now

    def is_whole(self, now: float) -> bool:
        """Whether it is as good as a new one."""
        return self._left + (now - self._at) / _REFILL >= _BURST

    def spend(self, now: float) -> bool:
        self._left = min(float(_BURST), self._left + max(0.0, now - self._at) / _REFILL)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
