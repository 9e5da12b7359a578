"""What a measurement says about one line of the targets: value, floor, aim, verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Mark(Enum):
    """How a value stands to what it must reach."""

    AIM = "aim"
    PASS = "pass"
    BELOW = "BELOW"
    STATED = "stated"
    MISSING = "-"


class Form(Enum):
    """How a value is written."""

    RATIO = "{:,.2f}"
    SHARE = "{:.0%}"
    MICROSECONDS = "{:,.0f} µs"
    SECONDS_PER_GIGABYTE = "{:,.2f} s/GB"
    MEBIBYTES = "{:,.1f} MiB"
    KIBIBYTES = "{:,.1f} KiB"
    PER_SECOND = "{:,.0f} /s"

    def write(self, value: float | None) -> str:
        return "" if value is None else self.value.format(value)


@dataclass(frozen=True, slots=True)
class Claim:
    """One line of the table.

    ``floor``: what must be reached, ``aim``: what is wanted beyond it; None where nothing is asked
    but to state the value.  ``note``: why there is no value, or what is to be known about it.
    """

    work: str
    against: str
    value: float | None
    form: Form = Form.RATIO
    floor: float | None = None
    aim: float | None = None
    lower_is_better: bool = False
    note: str = ""

    @property
    def mark(self) -> Mark:
        if self.value is None:
            return Mark.MISSING
        if self.aim is not None and self._reaches(self.aim):
            return Mark.AIM
        if self.floor is None:
            return Mark.STATED
        return Mark.PASS if self._reaches(self.floor) else Mark.BELOW

    def _reaches(self, wanted: float) -> bool:
        assert self.value is not None
        return self.value <= wanted if self.lower_is_better else self.value >= wanted
