from __future__ import annotations

import _sqlite3
import ctypes
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gatewright.audit.event import Event, Kind, Record, Severity
from gatewright.audit.store import Store
from gatewright.audit.trail import Trail


def record(sequence: int, text: str = "text", count: int = 1) -> Record:
    event = Event(
        Kind.IKE_SA_ESTABLISHED, Severity.INFORMATION, text, "branch", "child", {"spi_i": "01"}
    )
    return Record(sequence, 1.5, 2.5, count, event)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store(path, limit=300)
    yield opened
    opened.close()


def test_records_come_back_as_they_were(store: Store, path: Path) -> None:
    store.put(record(1))
    store.put(record(2, "other"))
    assert store.newest(10) == [record(1), record(2, "other")]
    assert store.newest(1) == [record(2, "other")]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_repeated_record_replaces_itself(store: Store) -> None:
    store.put(record(1))
    store.put(record(1, count=9))
    assert [each.count for each in store.newest(10)] == [9]


def test_the_file_is_bounded(store: Store) -> None:
    for number in range(1, 1025):
        store.put(record(number))
    kept = store.newest(10_000)
    assert len(kept) <= 300 + 256
    assert kept[-1].sequence == 1024


def test_records_of_one_tunnel_and_before_one(store: Store) -> None:
    for number in range(1, 9):
        store.put(replace(record(number), event=replace(record(1).event, tunnel="ab"[number % 2])))
    assert [each.sequence for each in store.newest(2, tunnel="a")] == [6, 8]
    assert [each.sequence for each in store.newest(2, before=5)] == [3, 4]
    assert [each.sequence for each in store.newest(9, tunnel="b", before=5)] == [1, 3]


def _octets_of_sqlite() -> int:
    """All that SQLite has allocated in this process."""
    used = ctypes.CDLL(_sqlite3.__file__).sqlite3_memory_used
    used.restype = ctypes.c_int64
    return int(used())


def test_the_file_is_not_held_in_memory(path: Path) -> None:
    store = Store(path)
    for number in range(1, 1001):
        store.put(record(number))
    early = _octets_of_sqlite()
    for number in range(1001, 6001):
        store.put(record(number))
    assert _octets_of_sqlite() - early < 16_384
    store.close()


def test_without_a_disk_memory_is_bounded_all_the_same(path: Path) -> None:
    path.mkdir()
    store = Store(path)
    for number in range(1, 6001):
        store.put(record(number))
    assert 1000 <= len(store.newest(10_000)) <= 1000 + 256
    store.close()


def test_a_disk_that_gives_nothing_back_is_a_problem_and_no_error(store: Store) -> None:
    store.put(record(1))
    store.close()
    assert store.newest(1) == []
    assert store.problem


def test_a_damaged_file_is_set_aside(path: Path) -> None:
    path.write_bytes(b"not a database, and long enough to be looked at" * 100)
    store = Store(path)
    store.put(record(1))
    assert store.newest(1) == [record(1)]
    store.close()
    assert path.with_suffix(".damaged").exists()


def test_a_disk_that_refuses_stops_nothing(path: Path) -> None:
    path.mkdir()
    store = Store(path)
    assert "unable to open" in store.problem
    store.put(record(1))
    assert store.newest(1) == [record(1)]
    store.close()
    store.put(record(2))
    assert store.problem


def test_numbers_go_on_after_a_restart(path: Path) -> None:
    for expected in (1, 2):
        store = Store(path)
        trail = Trail(lambda: 5.0, store)
        added = trail.add(Event(Kind.GATEWAY_STARTED, Severity.INFORMATION, f"{expected}"))
        assert added.sequence == expected
        store.close()
