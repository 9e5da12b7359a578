from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.host import steering
from gatewright.host.names import HostError, HostNames
from gatewright.host.steering import (
    FEW,
    LAST_METRIC,
    LOOK_NOWHERE,
    MAIN_TABLE,
    LocalAddress,
    Plan,
    Route,
    RouteKind,
    Rule,
    plan,
)
from gatewright.ipsec.selectors import IPAddress, TrafficSelector
from gatewright.policy.compiled import Action, CompiledPolicy, SpdEntry
from gatewright.policy.flows import home_networks
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
    assert made.rules[2:] == (
        Rule(6, 4759, LOOK_NOWHERE, ip_network("::/1"), input_interface="lo", goto=4761),
        Rule(6, 4759, LOOK_NOWHERE, ip_network("8000::/1"), input_interface="lo", goto=4761),
        Rule(
            6,
            4760,
            NAMES.source_table,
            destination=ip_network("2001:db8:b::/64"),
            input_interface="lo",
        ),
        Rule(6, 4761, LOOK_NOWHERE),
    )


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


def branches(number: int) -> list[SpdEntry]:
    return [entry(each + 1, A, f"10.{each >> 8}.{each & 255}.0/24") for each in range(number)]


def test_many_remote_networks_are_routes_of_one_rule() -> None:
    made = planned(policy(*branches(1000)), INSIDE)
    _, steering, own = made.rules
    assert (steering.source, steering.destination) == (ip_network(A), None)
    assert (own.source, own.destination) == (ip_network("0.0.0.0/32"), None)
    assert NAMES.first_table <= steering.table <= NAMES.last_table
    assert own.table != steering.table
    found = [each for each in made.routes if each.table == steering.table]
    # 10.0.0.0/15, the rest of 1,000 as 256 + 128 + 64 + 32 + 8, and what refuses beneath each.
    assert len(found) == 2 * 6
    assert {each.kind for each in found if each.destination == ip_network("10.0.0.0/15")} == {
        RouteKind.TUN,
        RouteKind.UNREACHABLE,
    }
    assert _octets(found, RouteKind.TUN) == _octets(found, RouteKind.UNREACHABLE) == 256 * 1000
    sources = [each for each in made.routes if each.table == own.table]
    assert {each.source for each in sources} == {INSIDE.ip}
    assert len(sources) == 1000


def _octets(routes: Iterable[Route], kind: RouteKind) -> int:
    """Addresses that routes of a kind lead to, which have none in common."""
    return sum(each.destination.num_addresses for each in routes if each.kind is kind)


def test_remote_networks_far_from_one_another_are_routes_of_their_own() -> None:
    apart = [f"10.{each}.2.0/24" for each in range(0, 2 * FEW + 2, 2)]
    made = planned(policy(*(entry(n + 1, A, each) for n, each in enumerate(apart))))
    table = made.rules[-1].table
    found = [each.destination for each in made.routes if each.table == table]
    assert sorted(found) == sorted(2 * [ip_network(each) for each in apart])


def test_few_remote_networks_are_rules() -> None:
    made = planned(policy(*branches(FEW)))
    assert {each.table for each in made.rules[1:]} == {NAMES.tunnel_table}
    assert len(made.rules) == 1 + FEW


def test_one_of_many_that_goes_leaves_the_others() -> None:
    more, less = (planned(policy(*branches(number)), INSIDE) for number in (1000, 999))
    assert more.rules == less.rules
    table = more.rules[1].table
    reached = [
        _octets((each for each in made.routes if each.table == table), RouteKind.TUN)
        for made in (more, less)
    ]
    assert reached == [256 * 1000, 256 * 999]


def test_neighbouring_local_networks_of_one_remote_share_a_rule() -> None:
    locals_ = [f"10.{each >> 8}.{each & 255}.0/24" for each in range(1000)]
    made = planned(policy(*(entry(n + 1, each, B) for n, each in enumerate(locals_))))
    around, *steering, behind = made.rules[1:]
    assert {each.priority for each in steering} == {4759}
    assert {each.destination for each in steering} == {ip_network(B)}
    assert len(steering) == 6  # 512 + 256 + 128 + 64 + 32 + 8
    # What does not go there is not held against each of them.
    assert around == Rule(
        4, 4758, LOOK_NOWHERE, destination=ip_network(B), inverted=True, goto=4760
    )
    assert behind == Rule(4, 4760, LOOK_NOWHERE)
    assert sum(each.source.num_addresses for each in steering if each.source) == 256 * 1000


def test_local_networks_with_other_remote_ones_keep_their_own_rules() -> None:
    made = planned(policy(entry(1, "10.0.0.0/24", A), entry(2, "10.0.1.0/24", B)))
    assert [(each.source, each.destination) for each in made.rules[1:]] == [
        (ip_network("10.0.0.0/24"), ip_network(A)),
        (ip_network("10.0.1.0/24"), ip_network(B)),
    ]


# A kernel in few lines decides as the SPD does; few networks overlap in every way there is.
_networks = st.sampled_from(
    ["10.0.0.0/16", "10.0.1.0/24", "10.0.2.0/24", "10.0.1.8/32", "10.0.3.0/24", "0.0.0.0/0"]
)
_ports = st.sampled_from([(0, 0, 65535)] * 3 + [(17, 0, 65535), (17, 53, 53)])
_addresses = [ip_address(f"10.0.{each}") for each in ("1.8", "1.9", "2.8", "3.1", "9.1")]


@st.composite
def _selectors(draw: st.DrawFn) -> TrafficSelector:
    return selector(draw(_networks), *draw(_ports))


@st.composite
def _policies(draw: st.DrawFn) -> CompiledPolicy:
    lists = st.lists(_selectors(), min_size=1, max_size=3).map(tuple)
    made = []
    for number in range(1, draw(st.integers(4, 14))):
        action = draw(st.sampled_from(Action))
        owner = "branch" if action is Action.PROTECT else ""
        made.append(SpdEntry(number, "", action, draw(lists), draw(lists), owner, owner))
    return policy(*made)


@settings(max_examples=80)
@given(_policies(), st.sampled_from([0, 1, 4]))
def test_rules_and_routes_decide_as_the_spd_does(wanted: CompiledPolicy, few: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steering, "FEW", few)
        made = planned(wanted, LocalAddress(ip_address("10.0.1.9"), "lan"))
    for source, destination in product(_addresses, repeat=2):
        for transport in ((17, 53, 1), (17, 1, 53), (6, 53, 53)):
            expected = _by_the_spd(wanted, source, destination, transport)
            if expected is not Action.DISCARD:
                found = _routed(made, source, destination, transport)
                assert (found is RouteKind.TUN) is (expected is Action.PROTECT)


Transport = tuple[int, int, int]


def _by_the_spd(
    wanted: CompiledPolicy, source: IPAddress, destination: IPAddress, transport: Transport
) -> Action:
    protocol, source_port, destination_port = transport
    for each in wanted.spd:
        if each.action is Action.PROTECT and any(
            home.contains(source) and home.contains(destination) for home in home_networks(each)
        ):
            return Action.BYPASS
        for local, remote in product(each.local, each.remote):
            if local.contains(source, protocol, source_port) and remote.contains(
                destination, protocol, destination_port
            ):
                return each.action
    return Action.BYPASS


def _routed(
    made: Plan, source: IPAddress, destination: IPAddress, transport: Transport
) -> RouteKind | None:
    """Of a packet to be forwarded; None: by the main table."""
    goto = 0
    for rule in sorted(made.rules, key=lambda each: each.priority):
        if rule.priority < goto or not _applies(rule, source, destination, transport):
            continue
        if rule.table == LOOK_NOWHERE:
            goto = rule.goto
        elif rule.table == MAIN_TABLE:
            return None
        else:
            routes = [
                r for r in made.routes if r.table == rule.table and destination in r.destination
            ]
            if routes:
                return max(routes, key=lambda r: (r.destination.prefixlen, -r.metric)).kind
    return None


def _applies(rule: Rule, source: IPAddress, destination: IPAddress, transport: Transport) -> bool:
    if rule.mark or rule.input_interface:
        return False
    protocol, *ports = transport
    matches = (
        (rule.source is None or source in rule.source)
        and (rule.destination is None or destination in rule.destination)
        and rule.protocol in (0, protocol)
        and all(
            wanted is None or wanted[0] <= port <= wanted[1]
            for wanted, port in zip((rule.source_ports, rule.destination_ports), ports, strict=True)
        )
    )
    return matches is not rule.inverted
