"""The search for the highest rate that a path carries without losing too much."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt

# Of what was asked for: a sender that offers less cannot do more.
LEAST_OFFERED = 0.95


@dataclass(frozen=True, slots=True)
class Trial:
    """Packets a second: asked for, really offered, delivered; and the share that was lost."""

    asked: float
    offered: float
    delivered: float
    loss: float
    overtaken: int = 0


@dataclass(slots=True)
class RateSearch:
    """Asks for one rate after the other: ``next_rate``, then ``record`` what it came to.

    The rate is doubled until too much is lost, then the gap between what went and what did not is
    halved until it is narrow.  A rate has failed, and a sender has reached its end, only when that
    happened twice: a machine that stood still for a moment loses packets at any rate.
    """

    start: float
    most_loss: float = 0.005
    precision: float = 0.03
    good: Trial | None = None
    overtaken: int = 0
    sender_is_the_limit: bool = False
    _carried: float = 0.0
    _failed: float | None = None
    _asked: float = field(init=False)
    _failures: int = 0

    def __post_init__(self) -> None:
        self._asked = self.start

    @property
    def done(self) -> bool:
        if self.sender_is_the_limit:
            return True
        if self._failed is None:
            return False
        if self._carried == 0:
            return self._failed < 100  # nothing gets through at all
        return self._failed <= self._carried * (1 + self.precision)

    @property
    def next_rate(self) -> float:
        return self._asked

    @property
    def best(self) -> float:
        """The most that was delivered at a rate that did not lose too much."""
        return self.good.delivered if self.good else 0.0

    def record(self, trial: Trial) -> None:
        self.overtaken += trial.overtaken
        carried = trial.loss <= self.most_loss
        if carried and (self.good is None or trial.delivered > self.good.delivered):
            self.good = trial
        if carried and trial.offered >= LEAST_OFFERED * self._asked:
            self._carried = max(self._carried, self._asked)
        else:
            self._failures += 1
            if self._failures < 2:
                return
            # No higher rate would offer more.
            self.sender_is_the_limit = carried
            self._failed = self._asked
        self._failures = 0
        self._asked = self._choose()

    def _choose(self) -> float:
        if self._failed is None:
            return self._carried * 2
        if self._carried == 0:
            return self._failed / 4
        return sqrt(self._carried * self._failed)
