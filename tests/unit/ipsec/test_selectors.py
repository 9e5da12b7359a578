from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.ipsec.selectors import TrafficSelector

NET_A = TrafficSelector.from_network(ip_network("192.168.10.0/24"))
HOST_A = TrafficSelector.from_network(ip_network("192.168.10.7/32"), 6, 80, 80)


@st.composite
def selectors(draw: st.DrawFn) -> TrafficSelector:
    first, last = sorted(draw(st.tuples(st.integers(0, 9), st.integers(0, 9))))
    low, high = sorted(draw(st.tuples(st.integers(0, 4), st.integers(0, 4))))
    base = draw(st.sampled_from(["10.0.0.0", "2001:db8::"]))
    address = ip_address(base)
    return TrafficSelector(
        address + first, address + last, draw(st.sampled_from([0, 6, 17])), low, high
    )


def test_narrowing_keeps_what_both_speak_of() -> None:
    assert NET_A.intersection(HOST_A) == HOST_A
    assert NET_A.covers(HOST_A)
    assert not HOST_A.covers(NET_A)


@given(selectors(), selectors(), st.integers(0, 9), st.sampled_from([6, 17]), st.integers(0, 4))
def test_an_intersection_contains_exactly_what_both_contain(
    one: TrafficSelector, other: TrafficSelector, host: int, protocol: int, port: int
) -> None:
    address = one.first + (host - (int(one.first) & 0xF))
    both = one.contains(address, protocol, port) and other.contains(address, protocol, port)
    common = one.intersection(other)
    assert (common is not None and common.contains(address, protocol, port)) == both


def test_impossible_selectors_are_refused() -> None:
    with pytest.raises(ValueError, match="upwards"):
        TrafficSelector(ip_address("10.0.0.2"), ip_address("10.0.0.1"))
    with pytest.raises(ValueError, match="one IP version"):
        TrafficSelector(ip_address("10.0.0.2"), ip_address("::1"))


def test_it_prints_as_people_write_it() -> None:
    assert str(NET_A) == "192.168.10.0/24"
    assert str(HOST_A) == "192.168.10.7/32 protocol 6 port 80"
    ranged = TrafficSelector(ip_address("10.0.0.1"), ip_address("10.0.0.6"), 17, 5, 9)
    assert str(ranged) == "10.0.0.1-10.0.0.6 protocol 17 port 5-9"
