"""The search for the highest rate, on paths that are known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bench.search import RateSearch, Trial


def searched(path: Callable[[float], Trial], most: int = 40) -> RateSearch:
    search = RateSearch(start=40_000)
    trials = 0
    while not search.done:
        search.record(path(search.next_rate))
        trials += 1
        assert trials <= most
    return search


def capacity(packets: float, sender: float = 1e9) -> Callable[[float], Trial]:
    """A path that delivers so many a second and loses the rest."""

    def offer(rate: float) -> Trial:
        offered = min(rate, sender)
        delivered = min(offered, packets)
        return Trial(rate, offered, delivered, 1 - delivered / offered)

    return offer


@pytest.mark.parametrize("packets", [30_000, 41_000, 150_000, 1_000_000])
def test_what_the_path_carries_is_found(packets: float) -> None:
    search = searched(capacity(packets))
    assert 0.97 * packets <= search.best <= packets
    assert not search.sender_is_the_limit


def test_a_sender_at_its_end_ends_the_search() -> None:
    search = searched(capacity(1e9, sender=200_000))
    assert 0.95 * 200_000 <= search.best <= 200_000
    assert search.sender_is_the_limit


def test_a_machine_that_stood_still_once_is_forgiven() -> None:
    stood_still = iter([True])

    def path(rate: float) -> Trial:
        if rate > 70_000 and next(stood_still, False):
            return Trial(rate, rate, rate / 2, 0.5)
        return capacity(150_000)(rate)

    assert searched(path).best >= 0.97 * 150_000


def test_nothing_gets_through() -> None:
    search = searched(lambda rate: Trial(rate, rate, 0.0, 1.0))
    assert search.best == 0.0


def test_packets_that_were_overtaken_are_added_up() -> None:
    search = RateSearch(start=10)
    for _ in range(3):
        search.record(Trial(10, 10, 10, 0.0, overtaken=2))
    assert search.overtaken == 6
