from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from gatewright.ike.timetable import Timetable, Watched


@dataclass(slots=True, eq=False)
class Entry(Watched):
    when: float | None = None
    asked: int = 0

    def next_timeout(self) -> float | None:
        object.__setattr__(self, "asked", self.asked + 1)
        return self.when


def watched(times: Timetable[Entry], when: float | None) -> Entry:
    entry = Entry(when)
    entry.watcher = times.changed
    return entry


def test_only_what_changed_is_asked_again() -> None:
    times: Timetable[Entry] = Timetable()
    one, other = watched(times, 10.0), watched(times, 20.0)
    assert times.next_timeout() == 10.0
    one.when = 30.0
    assert times.next_timeout() == 20.0
    assert (one.asked, other.asked) == (2, 1)


def test_what_is_due_comes_once_a_look_until_its_time_changes() -> None:
    times: Timetable[Entry] = Timetable()
    entry = watched(times, 10.0)
    assert times.due(9.0) == []
    assert times.due(10.0) == [entry]
    assert times.next_timeout() == 10.0
    assert times.due(10.0) == [entry]
    entry.when = None
    assert times.due(100.0) == []


def test_what_is_forgotten_does_not_come() -> None:
    times: Timetable[Entry] = Timetable()
    entry = watched(times, 10.0)
    assert times.next_timeout() == 10.0
    entry.watcher = None
    times.forget(entry)
    entry.when = 5.0
    assert times.next_timeout() is None


@given(st.lists(st.tuples(st.integers(0, 4), st.none() | st.integers(0, 50)), max_size=30))
def test_it_agrees_with_looking_at_all(changes: list[tuple[int, int | None]]) -> None:
    times: Timetable[Entry] = Timetable()
    entries = [watched(times, None) for _ in range(5)]
    for number, when in changes:
        entries[number].when = when
        known = [entry.when for entry in entries if entry.when is not None]
        assert times.next_timeout() == min(known, default=None)
    due = {entry for entry in entries if entry.when is not None and entry.when <= 25}
    assert set(times.due(25.0)) == due
