"""TCP streams over several paths in turn, plain forwarding before and after each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial

from bench import tool
from bench.noise import Reading
from bench.paths.path import Path
from bench.result import Json
from bench.setting import Setting
from bench.statistics import between, paired_ratio
from gatewright.lab.errors import LabError

WARM_UP = 0.2  # seconds, not counted: slow start


@dataclass(frozen=True, slots=True)
class Stream:
    """What one sample moved.  ``machine``, ``gateways``: processor seconds for 10^9 octets,
    strangers' left out."""

    megabits: float
    machine: float
    gateways: float


@dataclass(frozen=True, slots=True)
class Sample(Stream):
    """A stream beside plain forwarding.  ``relative``: its rate over forwarding's around it."""

    relative: float


@dataclass(slots=True)
class Series:
    """Samples by path, one of each in every repetition; ``baseline``: all of forwarding's."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    baseline: list[Stream] = field(default_factory=list)

    def rates(self, name: str) -> list[float]:
        return [sample.megabits for sample in self.samples.get(name, ())]

    def relative(self, name: str) -> list[float]:
        return [sample.relative for sample in self.samples.get(name, ())]

    def machine(self, name: str) -> list[float]:
        return [sample.machine for sample in self.samples.get(name, ())]

    def gateways(self, name: str) -> list[float]:
        return [sample.gateways for sample in self.samples.get(name, ())]

    def ratio(self, ours: str, theirs: str) -> float | None:
        """Of two paths, each held against the forwarding around it, repetition by repetition."""
        return paired_ratio(self.relative(ours), self.relative(theirs))

    def as_json(self) -> Json:
        return {
            "forwarding": [asdict(stream) for stream in self.baseline],
            **{name: [asdict(each) for each in taken] for name, taken in self.samples.items()},
        }


def stream(
    path: Path, seconds: float, streams: int = 1, destinations: int = 1, warm: float = WARM_UP
) -> Stream:
    """TCP from hostA to hostB for so long, after ``warm`` seconds more.

    Raises ``LabError`` when it stalls.
    """
    machine, gateways = Reading.now(), path.gateway_seconds()
    answer = tool.run(
        path.world.host_a,
        "stream",
        to=path.to,
        seconds=seconds,
        warm=warm,
        streams=streams,
        destinations=destinations,
    )
    gigabytes = max(answer["octets"] / 1e9, 1e-9)
    return Stream(
        answer["octets_per_second"] * 8 / 1e6,
        machine.busy_since() / gigabytes,
        (path.gateway_seconds() - gateways) / gigabytes,
    )


def measure(setting: Setting, baseline: Path, paths: Sequence[Path]) -> Series:
    """All paths, as often as the setting wants."""
    series = Series({path.name: [] for path in paths})
    total = setting.amount.repetitions
    for repetition in setting.repetitions(total):
        before = _forwarding(setting, baseline, series)
        # Another order each time, lest one path always follows the same other.
        shift = repetition % max(1, len(paths))
        for path in (*paths[shift:], *paths[:shift]):
            if path.name in setting.absent:
                continue
            setting.say(f"TCP streams, repetition {repetition + 1} of {total}: {path.name}")
            try:
                taken = setting.judge.take(partial(stream, path, setting.amount.seconds))
            except LabError as error:
                setting.failed(path, error)
                continue
            after = _forwarding(setting, baseline, series)
            reference = between(before.megabits, after.megabits)
            series.samples[path.name].append(
                Sample(taken.megabits, taken.machine, taken.gateways, taken.megabits / reference)
            )
            before = after
    return series


def _forwarding(setting: Setting, baseline: Path, series: Series) -> Stream:
    taken = setting.judge.take(lambda: stream(baseline, setting.amount.seconds / 2))
    series.baseline.append(taken)
    return taken
