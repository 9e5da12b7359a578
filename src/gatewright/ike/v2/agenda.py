"""What an IKE SA still has to do: tasks in order, since the window has room for one at a time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterator

from gatewright.ike.v2.tasks.task import Task


class Agenda:
    """Tasks that wait for the window, and tasks that wait for their time.

    Ten thousand may wait at once, so that what is asked for each of them looks at none.
    """

    def __init__(self) -> None:
        self._ready: deque[Task] = deque()
        self._postponed: list[tuple[float, Task]] = []
        self._subjects: Counter[Hashable] = Counter()

    def __iter__(self) -> Iterator[Task]:
        """All that has not begun."""
        return iter([*self._ready, *(task for _, task in self._postponed)])

    def __bool__(self) -> bool:
        return bool(self._ready or self._postponed)

    def has(self, subject: Hashable) -> bool:
        """Whether a task about this waits (see ``Task.subject``)."""
        return self._subjects[subject] > 0

    def add(self, task: Task) -> None:
        self._ready.append(task)
        self._count(task, 1)

    def add_first(self, task: Task) -> None:
        self._ready.appendleft(task)
        self._count(task, 1)

    def postpone(self, task: Task, until: float) -> None:
        self._postponed.append((until, task))
        self._count(task, 1)

    def remove(self, task: Task) -> None:
        """Take out one of those that have not begun."""
        if task in self._ready:
            self._ready.remove(task)
        else:
            self._postponed = [each for each in self._postponed if each[1] is not task]
        self._count(task, -1)

    def clear(self) -> None:
        self._ready.clear()
        self._postponed.clear()
        self._subjects.clear()

    def next(self) -> Task | None:
        if not self._ready:
            return None
        task = self._ready.popleft()
        self._count(task, -1)
        return task

    def next_timeout(self) -> float | None:
        return min((when for when, _ in self._postponed), default=None)

    def handle_timeout(self, now: float) -> None:
        """What has waited long enough is ready."""
        if self._postponed:
            self._ready.extend(task for when, task in self._postponed if when <= now)
            self._postponed = [each for each in self._postponed if each[0] > now]

    def give_to(self, heir: Agenda) -> None:
        """An IKE SA that replaces this one does what is left."""
        heir._ready.extend(self._ready)
        heir._postponed.extend(self._postponed)
        heir._subjects.update(self._subjects)
        self.clear()

    def _count(self, task: Task, by: int) -> None:
        subject = task.subject
        if subject is None:
            return
        self._subjects[subject] += by
        if self._subjects[subject] <= 0:
            del self._subjects[subject]
