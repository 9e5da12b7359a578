"""What is wrong with a policy, said so that a person can put it right.

A ``Finding`` names what, where (file and line), why, and what to write instead.  Loading and
compiling raise ``PolicyError`` with the findings that make the policy unusable; ``checks`` gives
the findings of a policy that can be loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """``ERROR`` refuses the policy, ``WARNING`` is likely not wanted, ``NOTE`` is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a policy file, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NOWHERE = Place("", 0)


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation.  ``code`` is stable and short (``mirrored-tunnel-filter``)."""

    code: str
    severity: Severity
    place: Place
    what: str
    why: str
    instead: str

    def __str__(self) -> str:
        lines = [f"{self.place}: {self.severity.value}: {self.what} [{self.code}]"]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.instead:
            lines.append(f"  instead: {self.instead}")
        return "\n".join(lines)


def error(code: str, place: Place, what: str, why: str, instead: str) -> Finding:
    return Finding(code, Severity.ERROR, place, what, why, instead)


def warning(code: str, place: Place, what: str, why: str, instead: str) -> Finding:
    return Finding(code, Severity.WARNING, place, what, why, instead)


def note(code: str, place: Place, what: str, why: str, instead: str) -> Finding:
    return Finding(code, Severity.NOTE, place, what, why, instead)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By place, and the graver first on one line; a finding that was made twice stands once."""
    rank = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}
    return tuple(
        sorted(dict.fromkeys(findings), key=lambda f: (f.place, rank[f.severity], f.code, f.what))
    )


class PolicyError(Exception):
    """The policy cannot be used.  ``findings`` has at least one, all of them errors."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = in_order(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))
