from __future__ import annotations

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from gatewright.host.overlap import NONE, PairIndex, Prefix, covering, prefix
from gatewright.ipsec.selectors import TrafficSelector
from tests.support.policies import selector


def test_a_network_is_a_prefix_and_other_ranges_are_not() -> None:
    assert prefix(selector("10.20.0.0/16")) == Prefix(0x0A140000, 16, 32)
    assert prefix(selector("0.0.0.0/0")) == Prefix(0, 0, 32)
    assert prefix(selector("fd00::1/128")) == Prefix(int(ip_address("fd00::1")), 128, 128)
    odd = TrafficSelector(ip_address("10.0.0.5"), ip_address("10.0.0.77"))
    assert prefix(odd) is None
    assert covering(odd) == Prefix(0x0A000000, 25, 32)


_ENDS = ("10.0.1.1", "10.0.3.2", "10.9.0.1")
_networks = st.sampled_from(
    [
        selector(str(ip_network(f"{each}/{bits}", strict=False)))
        for each in _ENDS
        for bits in (0, 8, 15, 23, 24, 32)
    ]
    + [selector("fd00::/16"), selector("fd00:1::/32")]
)
_pairs = st.tuples(_networks, _networks).filter(lambda pair: pair[0].version == pair[1].version)
Pair = tuple[TrafficSelector, TrafficSelector]


@given(st.lists(st.tuples(_pairs, st.booleans()), max_size=30))
def test_the_last_overlapping_pair_is_that_of_a_search_through_all(
    steps: list[tuple[Pair, bool]],
) -> None:
    index = PairIndex()
    added: list[Pair] = []
    for (local, remote), asked in steps:
        here, there = covering(local), covering(remote)
        if asked:
            overlapping = [
                position
                for position, (one, other) in enumerate(added)
                if one.intersection(local) and other.intersection(remote)
            ]
            assert index.last_overlapping(here, there) == max(overlapping, default=NONE)
        else:
            index.add(here, there, len(added))
            added.append((local, remote))
