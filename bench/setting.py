"""What every row of measurements is given: the paths, the judge of disturbances, how much to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.noise import Judge
from bench.paths.path import Beside, Kind, Path
from gatewright.lab.errors import LabError


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is measured.

    ``repetitions``: of each interleaved series; ``seconds``: of one TCP stream; ``pings``: on each
    path; ``tunnels``: of the row with many; ``soak``: seconds of full load while memory is
    watched; ``rivals``: small packets and round trips on their paths as well; ``minutes``: for
    everything, beyond which no repetition is begun.
    """

    repetitions: int
    seconds: float
    pings: int
    tunnels: int
    soak: float
    minutes: float
    rivals: bool = True


FULL = Amount(repetitions=9, seconds=2.0, pings=3000, tunnels=500, soak=60.0, minutes=20.0)
QUICK = Amount(
    repetitions=3, seconds=1.0, pings=600, tunnels=100, soak=10.0, minutes=4.0, rivals=False
)


@dataclass
class Setting:
    """Paths are built when first asked for, and stay until the run ends.

    ``row_ends``: when the row that is being measured has used up its time (monotonic clock).
    """

    stack: ExitStack
    judge: Judge
    amount: Amount
    say: Callable[[str], None]
    absent: dict[str, str] = field(default_factory=dict)
    row_ends: float = float("inf")
    _built: dict[str, Path] = field(default_factory=dict)

    def path(self, kind: Kind | Beside) -> Path | None:
        """None when it cannot be had here; ``absent`` then has the reason."""
        if kind.name in self.absent:
            return None
        if isinstance(kind, Beside):
            return self._beside(kind)
        if kind.name not in self._built:
            self.say(f"building {kind.name}")
            if (why := kind.missing()) is not None:
                self.absent[kind.name] = why
                return None
            self._built[kind.name] = kind.build(self.stack, kind.name)
        return self._built[kind.name]

    def _beside(self, kind: Beside) -> Path | None:
        path = self.path(kind.of)
        if path is None:
            self.absent[kind.name] = self.absent[kind.of.name]
            return None
        return kind.on(path)

    def needed(self, kind: Kind) -> Path:
        """A path without which nothing can be compared.  Raises ``LabError`` with the reason."""
        path = self.path(kind)
        if path is None:
            raise LabError(f"{kind.name}: {self.absent[kind.name]}")
        return path

    def repetitions(self, wanted: int) -> Iterator[int]:
        """0, 1, 2, ... as often as wanted, or until the row's time is over; at least once."""
        for repetition in range(wanted):
            begin = time.monotonic()
            yield repetition
            now = time.monotonic()
            if now + (now - begin) / 2 > self.row_ends:
                return

    def paths(self, kinds: Sequence[Kind | Beside]) -> list[Path]:
        """Those that can be had."""
        return [path for kind in kinds if (path := self.path(kind)) is not None]

    def rivals(self, kinds: Sequence[Kind]) -> list[Path]:
        """Those that can be had, where rivals are measured in every row."""
        return self.paths(kinds) if self.amount.rivals else []

    def failed(self, path: Path, error: LabError) -> None:
        """Measure this one no more."""
        self.absent[path.name] = str(error)
