"""The times of child SAs, of which one IKE SA may have thousands: only of those that changed is it
asked for anew when they want to be looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from gatewright.ike.timers import TimerQueue


class Timed(Protocol):
    """Something with times of its own."""

    def next_timeout(self) -> float | None: ...


class Watched:
    """A value that tells of its changes: ``watcher`` is called with it after each."""

    __slots__ = ("watcher",)

    watcher: Callable[[Any], None] | None

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
        watcher = getattr(self, "watcher", None)
        if watcher is not None:
            watcher(self)


Entry = TypeVar("Entry", bound=Timed)


class Timetable(Generic[Entry]):
    """When which entry wants to be looked at."""

    def __init__(self) -> None:
        self._timers: TimerQueue[Entry] = TimerQueue()
        self._changed: dict[Entry, None] = {}

    def changed(self, entry: Entry) -> None:
        """It is new, or its times may be others now."""
        self._changed[entry] = None

    def forget(self, entry: Entry) -> None:
        self._changed.pop(entry, None)
        self._timers.set(entry, None)

    def next_timeout(self) -> float | None:
        self._ask()
        return self._timers.next_timeout()

    def due(self, now: float) -> list[Entry]:
        """Those whose time has come for something, each once."""
        self._ask()
        found = []
        while (entry := self._timers.pop_due(now)) is not None:
            found.append(entry)
        for entry in found:
            self.changed(entry)
        return found

    def _ask(self) -> None:
        for entry in self._changed:
            self._timers.set(entry, entry.next_timeout())
        self._changed.clear()
