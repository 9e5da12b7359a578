"""Selector pairs to children."""

from __future__ import annotations

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.addresses import SelectorPair
from gatewright.policy.selection import SelectorSets, combined, describe, one_by_one

SELECTORS = [
    TrafficSelector.from_network(ip_network(text))
    for text in ("10.0.0.0/24", "10.1.0.0/24", "10.2.0.0/24", "fd00::/64", "fd01::/64")
]
PAIRS = st.lists(
    st.tuples(st.sampled_from(SELECTORS), st.sampled_from(SELECTORS)).filter(
        lambda pair: pair[0].version == pair[1].version
    ),
    min_size=1,
    max_size=12,
)


def pairs_of(sets: list[SelectorSets]) -> list[SelectorPair]:
    """Every combination that some packet can have."""
    return [
        (local, remote)
        for locals_, remotes in sets
        for local in locals_
        for remote in remotes
        if local.version == remote.version
    ]


@given(PAIRS)
def test_the_children_protect_exactly_the_pairs_each_once(pairs: list[SelectorPair]) -> None:
    for split in (one_by_one, combined):
        protected = pairs_of(split(pairs))
        assert set(protected) == set(pairs)
        assert len(protected) == len(set(pairs))


@given(PAIRS.flatmap(lambda pairs: st.tuples(st.just(pairs), st.permutations(pairs))))
def test_the_order_of_networks_makes_no_difference(
    both: tuple[list[SelectorPair], list[SelectorPair]],
) -> None:
    assert set(combined(both[0])) == set(combined(both[1]))


def test_a_full_product_is_one_child() -> None:
    a, b, c = SELECTORS[:3]
    assert combined([(a, b), (a, c)]) == [((a,), (b, c))]
    assert combined([(a, c), (b, c)]) == [((a, b), (c,))]
    assert len(combined([(a, b), (c, a)])) == 2


def test_both_ip_versions_are_one_child() -> None:
    a, b, _, x, y = SELECTORS
    assert combined([(a, b), (x, y)]) == [((a, x), (b, y))]
    assert describe(((a, x), (b, y))) == "10.0.0.0/24, fd00::/64 to 10.1.0.0/24, fd01::/64"
