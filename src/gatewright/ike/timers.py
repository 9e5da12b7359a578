"""Who wants to be called when: one queue for thousands of sessions."""

from __future__ import annotations

import heapq
from itertools import count
from typing import Generic, TypeVar

Owner = TypeVar("Owner")

_SLACK = 64  # outdated entries that are not worth a sweep


class TimerQueue(Generic[Owner]):
    """The next timeout of each owner.

    Setting is O(log n).  An outdated entry is skipped when its time comes; before most entries
    are outdated, all of those are taken out.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Owner]] = []
        self._due: dict[Owner, float] = {}
        self._order = count()

    def set(self, owner: Owner, when: float | None) -> None:
        """``owner`` wants to be called at ``when``; None forgets it."""
        if when is None:
            self._due.pop(owner, None)
        elif self._due.get(owner) != when:
            self._due[owner] = when
            heapq.heappush(self._heap, (when, next(self._order), owner))
            if len(self._heap) > 2 * len(self._due) + _SLACK:
                self._compact()

    def next_timeout(self) -> float | None:
        self._discard_outdated()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Owner | None:
        """One owner whose time has come, forgotten until set again; None when there is none."""
        self._discard_outdated()
        if not self._heap or self._heap[0][0] > now:
            return None
        _, _, owner = heapq.heappop(self._heap)
        del self._due[owner]
        return owner

    def __len__(self) -> int:
        """How many entries are kept, outdated ones too."""
        return len(self._heap)

    def _compact(self) -> None:
        current: dict[Owner, tuple[float, int, Owner]] = {}
        for entry in self._heap:
            if self._due.get(entry[2]) == entry[0]:
                current[entry[2]] = entry
        self._heap = list(current.values())
        heapq.heapify(self._heap)

    def _discard_outdated(self) -> None:
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
