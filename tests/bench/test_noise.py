"""Disturbed samples are taken again, within bounds, and counted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from bench.machine import MachineTimes, ProcessTimes
from bench.noise import Disturbance, Judge, Limits, Pauses, Reading, strangers_between

from bench import noise

INIT, KTHREADD, OURS, CHILD, GRANDCHILD, STRANGER, THREAD = 1, 2, 100, 101, 102, 200, 50


def table(*seconds: tuple[int, int, float]) -> dict[int, ProcessTimes]:
    return {pid: ProcessTimes(parent, spent, f"p{pid}") for pid, parent, spent in seconds}


def test_strangers_are_neither_ours_nor_the_kernels() -> None:
    before = table((INIT, 0, 1), (KTHREADD, 0, 0), (OURS, INIT, 5), (STRANGER, INIT, 7))
    after = table(
        (INIT, 0, 1), (KTHREADD, 0, 3), (THREAD, KTHREADD, 9), (OURS, INIT, 6), (CHILD, OURS, 2),
        (GRANDCHILD, CHILD, 2), (STRANGER, INIT, 7.5), (201, STRANGER, 0.25),
    )  # fmt: skip
    assert strangers_between(before, after, OURS) == {"p200": 0.5, "p201": 0.25}


def test_a_number_that_was_given_again_counts_nothing_negative() -> None:
    assert strangers_between(table((9, 1, 50.0)), table((9, 1, 1.0)), OURS) == {}


@pytest.mark.parametrize(
    ("disturbance", "cause"),
    [
        (Disturbance(2.0, 0.0, 0.0, {"one": 0.05, "other": 0.05}), None),
        (Disturbance(2.0, 0.0, 0.0, {"one": 0.15, "other": 0.15}), "strangers"),
        (Disturbance(2.0, 0.1, 0.0, {}), "steal"),
        (Disturbance(2.0, 0.0, 0.5, {}), "pauses"),
    ],
)
def test_limits_are_shares_of_the_time(disturbance: Disturbance, cause: str | None) -> None:
    assert disturbance.beyond(Limits(strangers=0.1, steal=0.03, pauses=0.1)) == cause


@pytest.fixture
def stealing(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the host steals during each sample to come; nothing when the list is at its end."""
    amounts: list[float] = []

    def readings() -> Iterator[MachineTimes]:
        stolen = 0.0
        for number in count():
            if number % 2 and amounts:
                stolen += amounts.pop(0)
            yield MachineTimes(0.0, stolen)

    reading = readings()
    monkeypatch.setattr(noise, "machine_times", lambda: next(reading))
    monkeypatch.setattr(noise, "all_processes", dict)
    return amounts


def test_a_disturbed_sample_is_taken_again(stealing: list[float]) -> None:
    stealing += [1.0, 1.0, 0.0]
    judge, numbers = Judge(Pauses()), count(1)
    assert judge.take(lambda: next(numbers)) == 3
    assert judge.rejected["steal"] == 2
    assert judge.kept_disturbed == 0
    assert "measure again" not in judge.sentence()


def test_not_for_ever(stealing: list[float]) -> None:
    stealing += [1.0] * 20
    judge, numbers = Judge(Pauses(), retries=3, patience=4), count(1)
    for _ in range(3):
        judge.take(lambda: next(numbers))
    # Four samples, then one more rejection is left of the patience of the whole run.
    assert next(numbers) == 8
    assert judge.rejected["steal"] == 4
    assert judge.kept_disturbed == 3
    assert "7 samples, of which 4 rejected (4 for steal) and 3 kept" in judge.sentence()
    assert "measure again" in judge.sentence()


def test_of_disturbed_samples_the_least_disturbed_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    disturbances = iter(Disturbance(1.0, stolen, 0.0, {}) for stolen in (0.9, 0.5, 0.7))
    judge, numbers = Judge(Pauses()), count(1)
    monkeypatch.setattr(judge, "_observed", lambda measure: (measure(), next(disturbances)))
    assert judge.take(lambda: next(numbers)) == 2


def test_strangers_are_left_out_of_what_the_machine_did(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([MachineTimes(10.0, 0.0), MachineTimes(14.0, 0.0)])
    tables = iter([table((STRANGER, INIT, 1.0)), table((STRANGER, INIT, 2.5))])
    monkeypatch.setattr(noise, "machine_times", lambda: next(times))
    monkeypatch.setattr(noise, "all_processes", lambda: next(tables))
    assert Reading.now().busy_since() == 2.5


def test_this_process_is_found() -> None:
    times = ProcessTimes.of(os.getpid())
    assert times is not None
    assert times.parent == os.getppid()
    assert times.seconds > 0
    assert times.name == Path("/proc/self/comm").read_text().strip()
    assert ProcessTimes.of(2**22 + 1) is None
