"""Small packets: where a further search begins."""

from __future__ import annotations

import pytest
from bench.rows.packets import AGAIN, START, further_start
from bench.search import RateSearch, Trial


def found(rate: float) -> RateSearch:
    search = RateSearch(START)
    search.record(Trial(rate, rate, rate, 0.0))
    return search


def test_a_further_search_begins_a_little_below_what_was_found() -> None:
    assert further_start([]) == START
    searches = [found(100_000), found(90_000), found(140_000)]
    assert further_start(searches) == pytest.approx(AGAIN * 100_000)


def test_a_search_that_found_nothing_does_not_count() -> None:
    nothing = RateSearch(START)
    assert further_start([nothing]) == START
    assert further_start([nothing, found(100_000)]) == pytest.approx(AGAIN * 100_000)
