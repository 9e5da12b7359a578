"""Who else used the machine during a sample: strangers, the host underneath, and its pauses.

A sample that was disturbed beyond the limits is taken again, a bounded number of times; how many
were is part of the result.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self, TypeVar

from bench.machine import MachineTimes, ProcessTimes, all_processes, machine_times

Result = TypeVar("Result")

KTHREADD = 2  # the parent of all kernel threads; what these do, they do for the traffic
NAP = 0.01
# Woken later than this, a sleeper was not waiting for its turn: the whole machine stood still.
LATE = 0.025
MOST_DISTURBED = 0.2  # of the samples that count
WARNING = " That is too much: measure again when the machine has nothing else to do."
NAMED = 3  # strangers that are named


@dataclass(frozen=True, slots=True)
class Limits:
    """Shares of the time that a sample took (of one core) from which on it is not trusted."""

    strangers: float = 0.08
    steal: float = 0.03
    pauses: float = 0.08


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Seconds during a sample: of processes not ours, stolen by the host, standing still."""

    seconds: float
    steal: float
    pauses: float
    by_stranger: Mapping[str, float]

    @property
    def strangers(self) -> float:
        return sum(self.by_stranger.values())

    @property
    def share(self) -> float:
        """All of it, of the time that the sample took."""
        return (self.strangers + self.steal + self.pauses) / max(self.seconds, 1e-9)

    def beyond(self, limits: Limits) -> str | None:
        """What was too much, in a word; None when nothing was."""
        for name in ("strangers", "steal", "pauses"):
            if getattr(self, name) > getattr(limits, name) * self.seconds:
                return name
        return None


def strangers_between(
    before: Mapping[int, ProcessTimes], after: Mapping[int, ProcessTimes], ours: int
) -> dict[str, float]:
    """Processor seconds between two readings, by name, of processes that descend neither from
    ``ours`` nor from the kernel.  One that started in between counts whole, one that ended not at
    all."""

    def is_stranger(pid: int) -> bool:
        seen = 0
        while pid > 0 and seen < 1000:
            if pid in (ours, KTHREADD):
                return False
            known = after.get(pid)
            pid, seen = (known.parent if known else 0), seen + 1
        return True

    found: dict[str, float] = {}
    for pid, times in after.items():
        spent = times.seconds - (before[pid].seconds if pid in before else 0.0)
        if spent > 0 and is_stranger(pid):
            found[times.name] = found.get(times.name, 0.0) + spent
    return found


@dataclass(frozen=True, slots=True)
class Reading:
    """What the kernel has accounted to whom so far."""

    times: MachineTimes
    processes: Mapping[int, ProcessTimes]

    @classmethod
    def now(cls) -> Reading:
        return cls(machine_times(), all_processes())

    def strangers_since(self) -> dict[str, float]:
        return strangers_between(self.processes, all_processes(), os.getpid())

    def steal_since(self) -> float:
        return machine_times().steal - self.times.steal

    def busy_since(self) -> float:
        """Processor seconds of all cores, those of strangers left out."""
        busy = machine_times().busy - self.times.busy
        return max(0.0, busy - sum(self.strangers_since().values()))


class Pauses:
    """Notices when the machine stands still: a sleeper that is woken far too late."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="pauses")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _watch(self) -> None:
        begin = time.monotonic()
        while not self._ending.wait(NAP):
            now = time.monotonic()
            if (late := now - begin - NAP) > LATE:
                self.seconds += late
            begin = now


@dataclass
class Judge:
    """Takes samples, and takes those again that were disturbed.

    ``retries``: of one sample.  ``patience``: of all samples together, so that a busy machine
    makes a run longer by a bounded amount.
    """

    pauses: Pauses
    limits: Limits = field(default_factory=Limits)
    retries: int = 2
    patience: int = 40
    taken: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    kept_disturbed: int = 0
    strangers: dict[str, float] = field(default_factory=dict)
    steal: float = 0.0
    paused: float = 0.0
    seconds: float = 0.0

    def take(self, measure: Callable[[], Result]) -> Result:
        """A sample of ``measure`` that was not disturbed, or the one that was least."""
        least: tuple[float, Result] | None = None
        for attempt in range(self.retries + 1):
            result, disturbance = self._observed(measure)
            self._add(disturbance)
            why = disturbance.beyond(self.limits)
            if why is None:
                return result
            if least is None or disturbance.share < least[0]:
                least = disturbance.share, result
            if attempt == self.retries or self.rejected.total() >= self.patience:
                break
            self.rejected[why] += 1
        assert least is not None
        self.kept_disturbed += 1
        return least[1]

    def sentence(self) -> str:
        """How quiet it was, for people."""
        causes = ", ".join(f"{count} for {name}" for name, count in sorted(self.rejected.items()))
        seconds = max(self.seconds, 1e-9)
        share = sum(self.strangers.values()) / seconds
        worst = sorted(self.strangers, key=lambda name: -self.strangers[name])[:NAMED]
        named = f" (most of it {', '.join(worst)})" if worst else ""
        return (
            f"{self.taken} samples, of which {self.rejected.total()} rejected"
            f"{f' ({causes})' if causes else ''} and {self.kept_disturbed} kept although disturbed."
            f" During them strangers used {share:.1%} of a core"
            f"{named}, the host stole"
            f" {self.steal / seconds:.1%}, and {self.paused / seconds:.1%} of the time everything"
            f" stood still.{'' if self.trustworthy else WARNING}"
        )

    @property
    def trustworthy(self) -> bool:
        """Whether nearly all samples that count were undisturbed."""
        return self.kept_disturbed <= MOST_DISTURBED * (self.taken - self.rejected.total())

    def as_json(self) -> dict[str, object]:
        return {
            "samples": self.taken,
            "rejected": dict(self.rejected),
            "kept_although_disturbed": self.kept_disturbed,
            "seconds": self.seconds,
            "strangers_seconds": self.strangers,
            "steal_seconds": self.steal,
            "paused_seconds": self.paused,
        }

    def _observed(self, measure: Callable[[], Result]) -> tuple[Result, Disturbance]:
        paused, reading = self.pauses.seconds, Reading.now()
        begin = time.monotonic()
        result = measure()
        return result, Disturbance(
            time.monotonic() - begin,
            reading.steal_since(),
            self.pauses.seconds - paused,
            reading.strangers_since(),
        )

    def _add(self, disturbance: Disturbance) -> None:
        self.taken += 1
        self.seconds += disturbance.seconds
        for name, spent in disturbance.by_stranger.items():
            self.strangers[name] = self.strangers.get(name, 0.0) + spent
        self.steal += disturbance.steal
        self.paused += disturbance.pauses
