"""Who wants to be called when: one queue for thousands of sessions."""

from __future__ import annotations

import heapq
from itertools import count
from typing import Generic, TypeVar

Owner = TypeVar("Owner")

_SLACK = 16  # outdated entries that are not worth a sweep


class TimerQueue(Generic[Owner]):
    """The next timeout of each owner.

    Setting is O(log n).  An outdated entry is skipped when its time comes; before most entries
    are outdated, all of those are taken out.  Entries know their owner by number, so that one who
    is forgotten, perhaps a session with its keys, is not held until then.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._entries: dict[Owner, tuple[float, int]] = {}
        self._owners: dict[int, Owner] = {}
        self._numbers = count()

    def set(self, owner: Owner, when: float | None) -> None:
        """``owner`` wants to be called at ``when``; None forgets it."""
        former = self._entries.get(owner)
        if former is not None:
            if former[0] == when:
                return
            self._forget(owner, former)
        if when is None:
            return
        entry = (when, next(self._numbers))
        self._entries[owner] = entry
        self._owners[entry[1]] = owner
        heapq.heappush(self._heap, entry)
        if len(self._heap) > 2 * len(self._entries) + _SLACK:
            self._heap = list(self._entries.values())
            heapq.heapify(self._heap)

    def next_timeout(self) -> float | None:
        self._discard_outdated()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Owner | None:
        """One owner whose time has come, forgotten until set again; None when there is none."""
        self._discard_outdated()
        if not self._heap or self._heap[0][0] > now:
            return None
        entry = heapq.heappop(self._heap)
        owner = self._owners[entry[1]]
        self._forget(owner, entry)
        return owner

    def __len__(self) -> int:
        """How many entries are kept, outdated ones too."""
        return len(self._heap)

    def _forget(self, owner: Owner, entry: tuple[float, int]) -> None:
        del self._entries[owner]
        del self._owners[entry[1]]

    def _discard_outdated(self) -> None:
        while self._heap and self._heap[0][1] not in self._owners:
            heapq.heappop(self._heap)
