"""What a row of measurements gives: claims, a table of what was measured, and the samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.claims import Claim

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Table:
    """Measured figures as text: the first column names the path."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(slots=True)
class Result:
    """``samples``: by the names of what was measured, for ``--json``."""

    claims: list[Claim] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    samples: Json = field(default_factory=dict)
