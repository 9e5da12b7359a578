"""What an IKE SA still has to do: tasks in order, since the window has room for one at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from gatewright.ike.v2.tasks.task import Task


class Agenda:
    """Tasks that wait for the window, and tasks that wait for their time."""

    def __init__(self) -> None:
        self._ready: deque[Task] = deque()
        self._postponed: list[tuple[float, Task]] = []

    def __iter__(self) -> Iterator[Task]:
        """All that has not begun."""
        return iter([*self._ready, *(task for _, task in self._postponed)])

    def add(self, task: Task) -> None:
        self._ready.append(task)

    def add_first(self, task: Task) -> None:
        self._ready.appendleft(task)

    def postpone(self, task: Task, until: float) -> None:
        self._postponed.append((until, task))

    def remove(self, task: Task) -> None:
        """Take out one of those that have not begun."""
        if task in self._ready:
            self._ready.remove(task)
        self._postponed = [each for each in self._postponed if each[1] is not task]

    def clear(self) -> None:
        self._ready.clear()
        self._postponed.clear()

    def next(self) -> Task | None:
        return self._ready.popleft() if self._ready else None

    def next_timeout(self) -> float | None:
        return min((when for when, _ in self._postponed), default=None)

    def handle_timeout(self, now: float) -> None:
        """What has waited long enough is ready."""
        self._ready.extend(task for when, task in self._postponed if when <= now)
        self._postponed = [each for each in self._postponed if each[0] > now]

    def give_to(self, heir: Agenda) -> None:
        """An IKE SA that replaces this one does what is left."""
        heir._ready.extend(self._ready)
        heir._postponed.extend(self._postponed)
        self.clear()
