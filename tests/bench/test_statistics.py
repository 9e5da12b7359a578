"""Medians, percentiles, and ratios of what was measured side by side."""

from __future__ import annotations

import pytest
from bench.statistics import between, paired_ratio, percentile
from hypothesis import given
from hypothesis import strategies as st


def test_a_percentile_is_a_sample_that_so_many_do_not_exceed() -> None:
    values = list(range(1, 101))
    assert percentile(values, 0.99) == 99
    assert percentile(values, 0.5) == 50
    assert percentile([7.0], 0.99) == 7.0
    assert percentile([3, 1, 2], 1.0) == 3
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 0.5)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1.0))
def test_that_share_of_the_samples_is_at_or_below_it(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-3 * len(values)


def test_what_slows_a_whole_repetition_down_cancels_out() -> None:
    # Half the speed in the second repetition, a third of it in the last one.
    ours, theirs = [30.0, 15.0, 10.0], [60.0, 30.0, 20.0]
    assert paired_ratio(ours, theirs) == 0.5


def test_no_pair_no_ratio() -> None:
    assert paired_ratio([], [1.0]) is None
    assert paired_ratio([1.0], [0.0]) is None
    assert paired_ratio([4.0, 9.0], [2.0]) == 2.0


def test_between_two_measurements_of_the_reference() -> None:
    assert between(4.0, 9.0) == 6.0
