from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gatewright.audit.event import Event, Kind, Record, Severity
from gatewright.audit.store import Store
from gatewright.audit.trail import Trail


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def event(text: str = "it failed", tunnel: str = "branch", key: str = "") -> Event:
    return Event(Kind.NEGOTIATION_FAILED, Severity.ERROR, text, tunnel, key=key)


def test_sequence_numbers_rise_by_one() -> None:
    trail = Trail(Clock())
    assert [trail.add(event(text)).sequence for text in "abc"] == [1, 2, 3]


def test_a_repetition_is_counted_and_not_written_again() -> None:
    clock = Clock()
    trail = Trail(clock)
    trail.add(event())
    clock.now += 30
    record = trail.add(event())
    assert (record.sequence, record.count, record.first, record.last) == (1, 2, 1000.0, 1030.0)
    assert len(trail.newest(10)) == 1


def test_two_tunnels_that_fail_in_turn_are_two_lines() -> None:
    trail = Trail(Clock())
    for _ in range(5):
        trail.add(event(tunnel="one"))
        trail.add(event(tunnel="two"))
    assert [(each.event.tunnel, each.count) for each in trail.newest(10)] == [
        ("one", 5),
        ("two", 5),
    ]


def test_what_happened_in_between_ends_a_repetition() -> None:
    trail = Trail(Clock())
    for text in ("failed", "established", "failed"):
        trail.add(event(text))
    assert [each.event.text for each in trail.newest(10)] == ["failed", "established", "failed"]


def test_what_succeeds_twice_happened_twice() -> None:
    trail = Trail(Clock())
    success = Event(Kind.POLICY_ASSIGNED, Severity.INFORMATION, "It is assigned.")
    assert [trail.add(success).sequence for _ in range(2)] == [1, 2]


def test_an_old_event_is_not_repeated_but_happens_anew() -> None:
    clock = Clock()
    trail = Trail(clock, collapse=60)
    trail.add(event())
    clock.now += 61
    assert trail.add(event()).sequence == 2


def test_a_flood_with_varying_text_is_one_line_told_once_a_second() -> None:
    clock = Clock()
    trail = Trail(clock)
    told: list[Record] = []
    trail.listen(told.append)
    for number in range(1000):
        clock.now = 1000 + number / 1000
        trail.add(event(f"from port {number}", tunnel="", key="bad"))
    assert len(trail.newest(10)) == 1
    assert len(told) == 1
    trail.flush()
    assert told[-1].count == 1000
    assert told[-1].event.text == "from port 999"


def test_listening_ends() -> None:
    trail = Trail(Clock())
    told: list[Record] = []
    stop = trail.listen(told.append)
    trail.add(event("a"))
    stop()
    trail.add(event("b"))
    assert len(told) == 1


def test_memory_is_bounded_and_the_newest_stay() -> None:
    trail = Trail(Clock(), capacity=3)
    for number in range(10):
        trail.add(event(str(number)))
    assert [each.event.text for each in trail.newest(100)] == ["7", "8", "9"]
    assert [each.event.text for each in trail.newest(1)] == ["9"]
    assert trail.newest(0) == []


def test_one_tunnel_alone() -> None:
    trail = Trail(Clock())
    trail.add(event(tunnel="one"))
    trail.add(event(tunnel="two"))
    assert [each.event.tunnel for each in trail.newest(10, "two")] == ["two"]


def test_strangers_cannot_push_the_history_out() -> None:
    """Events that differ in what they quote, of one kind or of two in turn."""
    clock = Clock()
    trail = Trail(clock, capacity=200)
    trail.add(Event(Kind.POLICY_ASSIGNED, Severity.INFORMATION, "The policy is assigned."))
    told: list[Record] = []
    trail.listen(told.append)
    for number in range(10_000):
        clock.now += 0.001
        trail.add(event(f"group {number} is offered"))
        trail.add(replace(event(f"{number} octets"), kind=Kind.MESSAGE_DROPPED, tunnel=""))
    records = trail.newest(1000)
    assert records[0].event.kind is Kind.POLICY_ASSIGNED
    assert len(records) < 50
    assert len(told) < 100
    assert sum(record.count for record in records) == 20_001
    assert [record.event.text for record in records[-2:]] == [
        "group 9999 is offered",
        "9999 octets",
    ]


def test_the_budget_of_strangers_comes_back_and_others_have_their_own() -> None:
    clock = Clock()
    trail = Trail(clock)
    for number in range(100):
        trail.add(event(f"failure {number}"))
    count = len(trail.newest(1000))
    trail.add(event("failure of another", tunnel="other"))
    assert len(trail.newest(1000)) == count + 1
    clock.now += 60
    trail.add(event("a new one"))
    assert trail.newest(1)[0].count == 1
    refused = Event(Kind.POLICY_REFUSED, Severity.ERROR, "The policy was refused.")
    for number in range(50):
        trail.add(replace(refused, text=f"Refused: {number}."))
    assert trail.newest(1)[0].event.text == "Refused: 49."
    assert trail.newest(1)[0].count == 1


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "audit.sqlite")
    yield opened
    opened.close()


def test_what_is_no_longer_in_memory_comes_from_the_disk(store: Store) -> None:
    trail = Trail(Clock(), store, capacity=3)
    for number in range(10):
        trail.add(event(str(number), tunnel="odd" if number % 2 else "even"))
    trail.add(event("9", tunnel="odd"))  # told later, and counted already
    assert [each.event.text for each in trail.newest(100)] == list("0123456789")
    assert [each.event.text for each in trail.newest(5)] == list("56789")
    assert [each.event.text for each in trail.newest(3, "even")] == list("468")
    assert [each.count for each in trail.newest(6)] == [1, 1, 1, 1, 1, 2]
    assert trail.newest(0) == []
    assert [each.event.text for each in Trail(Clock(), store, capacity=3).newest(5)] == list(
        "56789"
    )


def _traced_after(trail: Trail, events: int) -> int:
    """Octets of Python's memory after so many events more, each different and of its own tunnel."""
    for _ in range(events):
        number = trail.newest(1)[0].sequence if trail.newest(1) else 0
        trail.add(event(f"failure {number}", tunnel=f"tunnel {number}"))
        rekeyed = f"{number} was rekeyed"
        trail.add(Event(Kind.CHILD_SA_ESTABLISHED, Severity.INFORMATION, rekeyed, "branch"))
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _most_traced(trail: Trail) -> int:
    """The most that was held at any of the looks during six hundred events.

    What the trail notes of the newest record of each tunnel grows to a bound and is then tidied, so
    that two single looks differ by where in that they fall.
    """
    return max(_traced_after(trail, 25) for _ in range(24))


def test_what_is_held_in_memory_does_not_grow_with_what_happened(store: Store) -> None:
    trail = Trail(Clock(), store)
    tracemalloc.start()
    try:
        _traced_after(trail, 500)
        early = _most_traced(trail)
        _traced_after(trail, 1000)
        late = _most_traced(trail)
    finally:
        tracemalloc.stop()
    assert late - early < 16_384
