from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from gatewright.host.names import HostError, HostNames
from gatewright.host.steering import (
    LAST_METRIC,
    MAIN_TABLE,
    LocalAddress,
    Plan,
    Route,
    RouteKind,
    Rule,
    plan,
)
from gatewright.policy.compiled import Action, CompiledPolicy
from tests.support.policies import entry, policy, selector

NAMES = HostNames()
A, B = "192.168.10.0/24", "10.20.0.0/24"
INSIDE = LocalAddress(ip_address("192.168.10.1"), "lan")
OUTSIDE = LocalAddress(ip_address("203.0.113.1"), "wan")


def planned(wanted: CompiledPolicy, *local: LocalAddress) -> Plan:
    return plan(wanted, NAMES, local)


def test_marked_packets_first_then_the_entries_then_the_gateways_own() -> None:
    made = planned(policy(entry(1, A, B)), OUTSIDE, INSIDE)
    assert made.rules == (
        Rule(4, 4757, MAIN_TABLE, mark=0x4757),
        Rule(4, 4758, NAMES.tunnel_table, ip_network(A), ip_network(B)),
        Rule(
            4,
            4759,
            NAMES.source_table,
            ip_network("0.0.0.0/32"),
            ip_network(B),
            input_interface="lo",
        ),
    )
    assert set(made.routes) == {
        Route(4, NAMES.tunnel_table, ip_network("0.0.0.0/0"), RouteKind.TUN),
        Route(4, NAMES.tunnel_table, ip_network("0.0.0.0/0"), RouteKind.UNREACHABLE, LAST_METRIC),
        Route(4, NAMES.source_table, ip_network(B), RouteKind.TUN, source=INSIDE.ip),
    }


def test_a_gateway_without_an_address_inside_has_no_own_traffic() -> None:
    made = planned(policy(entry(1, A, B)), OUTSIDE)
    assert [rule.table for rule in made.rules] == [MAIN_TABLE, NAMES.tunnel_table]


def test_the_internal_interface_is_preferred_for_the_own_address() -> None:
    other = LocalAddress(ip_address("192.168.10.9"), "dmz")
    made = planned(policy(entry(1, A, B), internal="lan"), other, INSIDE)
    assert [route.source for route in made.routes if route.source] == [INSIDE.ip]


def test_ipv6_takes_bound_sources_away_before_those_without_one() -> None:
    inside = LocalAddress(ip_address("2001:db8:a::1"), "lan")
    made = planned(policy(entry(1, "2001:db8:a::/64", "2001:db8:b::/64")), inside)
    own = made.rules[2:]
    assert [(str(rule.source), rule.table) for rule in own] == [
        ("::/1", MAIN_TABLE),
        ("8000::/1", MAIN_TABLE),
        ("None", NAMES.source_table),
    ]
    assert [rule.priority for rule in own] == [4759, 4759, 4760]


def test_a_tunnel_that_comes_does_not_renumber_the_others() -> None:
    first = planned(policy(entry(1, A, B)), INSIDE)
    more = planned(policy(entry(2, A, "10.19.0.0/24"), entry(1, A, B)), INSIDE)
    assert set(first.rules) < set(more.rules)


def test_everything_through_the_tunnel_leaves_the_home_network_alone() -> None:
    made = planned(policy(entry(1, A, "0.0.0.0/0")), INSIDE)
    assert made.rules[1:] == (
        Rule(4, 4758, MAIN_TABLE, ip_network(A), ip_network(A)),
        Rule(4, 4759, NAMES.tunnel_table, ip_network(A)),
    )


def test_a_permit_before_a_protected_network_keeps_its_place() -> None:
    host = selector("10.20.0.7/32")
    made = planned(
        policy(
            entry(1, selector(A), host, Action.BYPASS),
            entry(2, A, B),
            entry(3, selector("0.0.0.0/0"), selector("0.0.0.0/0"), Action.BYPASS),
        )
    )
    assert [rule.table for rule in made.rules[1:]] == [MAIN_TABLE, NAMES.tunnel_table]


def test_ports_become_part_of_the_rule_and_icmp_types_do_not() -> None:
    made = planned(
        policy(
            entry(1, selector(A), selector(B, 6, 80, 90)),
            entry(2, selector(A), selector(B, 1, 0x0800, 0x08FF)),
        )
    )
    tcp, icmp = made.rules[1], made.rules[2]
    assert (tcp.protocol, tcp.source_ports, tcp.destination_ports) == (6, None, (80, 90))
    assert (icmp.protocol, icmp.source_ports, icmp.destination_ports) == (1, None, None)


def test_blocked_traffic_is_not_steered() -> None:
    assert planned(policy(entry(1, A, B, Action.DISCARD))) == Plan((), ())


def test_too_many_rules_are_refused() -> None:
    few = HostNames(first_priority=4757, last_priority=4758)
    permitted = entry(1, selector(A), selector("10.20.0.7/32"), Action.BYPASS)
    with pytest.raises(HostError, match="more routing rules"):
        plan(policy(permitted, entry(2, A, B)), few, ())
