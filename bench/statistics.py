"""Medians and percentiles of samples, and ratios of samples that were taken side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, sqrt
from statistics import median


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least ``share`` (0 to 1) of the values do not exceed.

    Raises ``ValueError`` when there are none.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no samples")
    # Less a little: 0.99 of 100 is not 99 in binary.
    rank = ceil(share * len(ordered) - 1e-9)
    return ordered[max(rank, 1) - 1]


def between(before: float, after: float) -> float:
    """What a reference may have been between two measurements of it: their geometric mean."""
    return sqrt(before * after)


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """The median of the ratios of samples taken in the same repetition.

    Not the ratio of the medians: what slows a repetition down slows both down, and cancels out.
    None where there is no pair, or nothing to divide by.
    """
    ratios = [one / other for one, other in zip(ours, theirs, strict=False) if other > 0]
    return median(ratios) if ratios else None


def median_or_none(values: Sequence[float]) -> float | None:
    return median(values) if values else None
