from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from gatewright.host.names import ROUTE_PROTOCOL
from gatewright.host.rtmessages import parse_route, parse_rule, route_octets, rule_octets
from gatewright.host.steering import LAST_METRIC, LOOK_NOWHERE, Route, RouteKind, Rule

A, B = ip_network("192.168.10.0/24"), ip_network("10.20.0.0/16")
A6 = ip_network("2001:db8:a::/48")


@pytest.mark.parametrize(
    "rule",
    [
        Rule(4, 4757, 254, mark=0x4757),
        Rule(4, 4758, 47_570_001, A, B, 6, (1, 2), (80, 90)),
        Rule(6, 4758, 4757, A6, None, 17, input_interface="lo"),
        Rule(6, 4758, LOOK_NOWHERE, A6, goto=5000, inverted=True),
        Rule(4, 4759, LOOK_NOWHERE),
        Rule(4, 4759, 100, ip_network("0.0.0.0/32")),
    ],
)
def test_a_rule_is_read_as_it_was_written(rule: Rule) -> None:
    assert parse_rule(rule_octets(rule)) == rule


@pytest.mark.parametrize(
    "route",
    [
        Route(4, 4757, ip_network("0.0.0.0/0"), RouteKind.UNREACHABLE, LAST_METRIC),
        Route(4, 47_570_001, B, RouteKind.TUN),
        Route(4, 100, B, RouteKind.TUN, source=ip_address("192.168.10.1")),
        Route(6, 4757, A6, RouteKind.TUN, source=ip_address("2001:db8:a::1")),
        Route(6, 4757, ip_network("::/0"), RouteKind.UNREACHABLE, LAST_METRIC),
    ],
)
def test_a_route_is_read_as_it_was_written(route: Route) -> None:
    assert parse_route(route_octets(route, 7)) == route


def test_octets_by_hand() -> None:
    """10.20.0.0/16 to interface 7 in table 300, scope link, metric 10."""
    made = route_octets(Route(4, 300, B, RouteKind.TUN), 7)
    assert made == bytes.fromhex(
        "02100000fc9dfd010000000008000f002c010000080006000a000000080001000a1400000800040007000000"
    )


def test_those_of_others_are_not_ours() -> None:
    rule, route = (
        rule_octets(Rule(4, 4757, 254, A)),
        route_octets(Route(4, 254, B, RouteKind.TUN), 7),
    )
    ours = bytes([ROUTE_PROTOCOL])
    assert parse_rule(rule.replace(b"\5\0\x15\0" + ours, b"\5\0\x15\0\4")) is None
    assert parse_route(route[:5] + b"\4" + route[6:]) is None
    assert parse_rule(bytes([128]) + rule[1:]) is None  # a rule for multicast routing


def test_a_message_that_is_cut_short_is_read_as_far_as_it_goes() -> None:
    whole = rule_octets(Rule(4, 4758, 254, A, B))
    for length in range(12, len(whole)):
        parse_rule(whole[:length])
    assert parse_rule(whole[:12]) is None
