from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.flows import addresses, flow, flows, home_networks, port_range, whole
from tests.support.policies import entry, selector

A, B = "192.168.10.0/24", "10.20.0.0/24"
TCP, UDP, GRE, ICMP, ICMPV6 = 6, 17, 47, 1, 58


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        (selector(A), selector("fd00::/64")),
        (selector(A, TCP), selector(B, UDP)),
        (selector(A, ICMP), selector(B, ICMPV6)),
    ],
)
def test_selectors_without_a_common_packet(
    source: TrafficSelector, destination: TrafficSelector
) -> None:
    assert flow(source, destination) is None


@pytest.mark.parametrize(("one", "other"), [(TCP, 0), (0, TCP), (TCP, TCP)])
def test_either_end_may_name_the_protocol(one: int, other: int) -> None:
    found = flow(selector(A, one), selector(B, other))
    assert found is not None
    assert (found.protocol, found.version) == (TCP, 4)
    assert not found.needs_transport_header


def test_ports_are_those_of_their_end() -> None:
    found = flow(selector(A, UDP, 53, 53), selector(B, UDP, 1024, 2000))
    assert found is not None
    assert (found.source_ports, found.destination_ports) == ((53, 53), (1024, 2000))
    assert found.icmp is None
    assert found.needs_transport_header


@pytest.mark.parametrize("protocol", [ICMP, ICMPV6])
def test_type_and_code_may_stand_at_either_end(protocol: int) -> None:
    typed, plain = selector(A, protocol, 0x0800, 0x08FF), selector(B, protocol)
    for found in (flow(typed, plain), flow(plain, typed)):
        assert found is not None
        assert found.icmp == (0x0800, 0x08FF)
        assert (found.source_ports, found.destination_ports) == (None, None)
        assert found.needs_transport_header


def test_a_protocol_without_ports_has_none() -> None:
    found = flow(selector(A, GRE, 1, 2), selector(B, GRE, 3, 4))
    assert found is not None
    assert not found.needs_transport_header


def test_all_ports_are_no_range() -> None:
    assert port_range(selector(A, TCP)) is None
    assert port_range(selector(A, TCP, 0, 65534)) == (0, 65534)
    assert port_range(selector(A, TCP, 1, 65535)) == (1, 65535)


def test_each_pair_of_selectors_in_both_directions() -> None:
    several = replace(
        entry(1, A, B),
        local=(selector(A), selector("fd00:a::/64")),
        remote=(selector(B), selector("10.21.0.0/24"), selector("fd00:b::/64")),
    )
    out = [(each.source, each.destination) for each in flows(several)]
    assert out == [
        (selector(A), selector(B)),
        (selector(A), selector("10.21.0.0/24")),
        (selector("fd00:a::/64"), selector("fd00:b::/64")),
    ]
    back = [(each.destination, each.source) for each in flows(several, inbound=True)]
    assert back == out


def test_addresses_are_the_selector_without_protocol_and_ports() -> None:
    assert addresses(selector(A, TCP, 80, 90)) == selector(A)


def test_home_is_what_lies_inside_a_larger_remote_network() -> None:
    assert home_networks(entry(1, A, "0.0.0.0/0")) == (selector(A),)
    assert home_networks(entry(1, selector(A, TCP), selector("192.168.0.0/16"))) == (selector(A),)
    assert home_networks(entry(1, A, B)) == ()
    assert home_networks(entry(1, A, A)) == ()
    assert home_networks(entry(1, "0.0.0.0/0", A)) == ()
    twice = replace(entry(1, A, "0.0.0.0/0"), local=(selector(A, TCP), selector(A, UDP)))
    assert home_networks(twice) == (selector(A),)


def test_the_whole_internet() -> None:
    assert whole(ip_network("::/0"))
    assert not whole(ip_network("128.0.0.0/1"))
