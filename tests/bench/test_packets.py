"""Small packets: where a further search begins."""

from __future__ import annotations

import pytest
from bench.rows.packets import AGAIN, START, further_start


def test_a_further_search_begins_a_little_below_what_was_found() -> None:
    assert further_start([]) == START
    assert further_start([100_000, 90_000, 140_000]) == pytest.approx(AGAIN * 100_000)


def test_a_search_that_found_nothing_does_not_count() -> None:
    assert further_start([0.0]) == START
    assert further_start([0.0, 100_000]) == pytest.approx(AGAIN * 100_000)
