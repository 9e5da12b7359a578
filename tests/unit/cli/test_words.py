from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gatewright.cli.words import ago, clock, duration, many, octets, remaining


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "no time"),
        (1, "1 second"),
        (59.4, "59 seconds"),
        (60, "1 minute"),
        (61, "1 minute 1 second"),
        (3600, "1 hour"),
        (3605, "1 hour 5 seconds"),
        (7500, "2 hours 5 minutes"),
        (90061, "1 day 1 hour"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_times_relative_to_now() -> None:
    assert [ago(None), ago(0.4), ago(5)] == ["never", "just now", "5 seconds ago"]
    assert [remaining(None), remaining(-1), remaining(90)] == [
        "never",
        "now",
        "in 1 minute 30 seconds",
    ]


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2_000_000, "2.0 MB"), (10**16, "10000.0 TB")],
)
def test_amounts(count: int, words: str) -> None:
    assert octets(count) == words


def test_numbers_with_nouns() -> None:
    assert [many(n, "packet") for n in (0, 1, 2)] == ["no packets", "1 packet", "2 packets"]


def test_the_date_only_when_it_is_not_today() -> None:
    now = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
    assert len(clock(now, now)) == 8
    assert clock(now - timedelta(days=3), now).startswith("2025-12-30")
