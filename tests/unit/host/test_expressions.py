from __future__ import annotations

from ipaddress import ip_address

import pytest

from gatewright.host.expressions import match
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.flows import flow
from tests.support.policies import selector

A, B = "192.168.10.0/24", "10.20.0.0/24"


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        (selector(A), selector(B), "ip saddr 192.168.10.0/24 ip daddr 10.20.0.0/24"),
        (selector("10.0.0.1/32"), selector("0.0.0.0/0"), "ip saddr 10.0.0.1"),
        (selector("0.0.0.0/0"), selector("0.0.0.0/0"), "meta nfproto ipv4"),
        (selector("::/0"), selector("::/0"), "meta nfproto ipv6"),
        (selector("fd00::/64"), selector("::/0"), "ip6 saddr fd00::/64"),
        (
            selector(A, 6),
            selector(B, 6, 80, 90),
            "ip saddr 192.168.10.0/24 ip daddr 10.20.0.0/24 meta l4proto 6 th dport 80-90",
        ),
        (
            selector("10.0.0.1/32", 17, 53, 53),
            selector("10.0.0.2/32"),
            "ip saddr 10.0.0.1 ip daddr 10.0.0.2 meta l4proto 17 th sport 53",
        ),
        (
            selector("10.0.0.1/32", 1, 0x0800, 0x08FF),
            selector("10.0.0.2/32", 1),
            "ip saddr 10.0.0.1 ip daddr 10.0.0.2 meta l4proto 1 @th,0,16 2048-2303",
        ),
        (
            selector("10.0.0.1/32", 47),
            selector("10.0.0.2/32", 47),
            "ip saddr 10.0.0.1 ip daddr 10.0.0.2 meta l4proto 47",
        ),
    ],
)
def test_a_flow_as_an_expression(
    source: TrafficSelector, destination: TrafficSelector, expected: str
) -> None:
    one = flow(source, destination)
    assert one is not None
    assert match(one) == expected


def test_a_range_that_is_no_prefix_is_written_as_one() -> None:
    source = TrafficSelector(ip_address("10.0.0.5"), ip_address("10.0.0.77"))
    one = flow(source, selector(B))
    assert one is not None
    assert match(one).startswith("ip saddr 10.0.0.5-10.0.0.77 ")
