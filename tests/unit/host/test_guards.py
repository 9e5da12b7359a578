from __future__ import annotations

from ipaddress import ip_address

import pytest

from gatewright.host import guards
from gatewright.host.names import HostNames
from gatewright.host.selectors import flow
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Action, SpdEntry
from tests.support.policies import entry, policy, selector

NAMES = HostNames()
A, B = "192.168.10.0/24", "10.20.0.0/24"


def rules(*entries: SpdEntry, external: str | None = None) -> tuple[list[str], list[str]]:
    wanted = policy(*entries, external=external)
    return list(guards.outbound_rules(wanted, NAMES)), list(guards.inbound_rules(wanted, NAMES))


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
    assert guards.match(one) == expected


def test_selectors_that_have_no_packet_in_common_make_no_rule() -> None:
    assert flow(selector(A, 6), selector(B, 17)) is None
    assert flow(selector(A), selector("fd00::/64")) is None


def test_a_range_that_is_no_prefix_is_written_as_one() -> None:
    source = TrafficSelector(ip_address("10.0.0.5"), ip_address("10.0.0.77"))
    one = flow(source, selector(B))
    assert one is not None
    assert guards.match(one).startswith("ip saddr 10.0.0.5-10.0.0.77 ")


def test_protected_traffic_is_dropped_in_both_directions_unless_by_the_tun_device() -> None:
    outbound, inbound = rules(entry(7, A, B))
    assert outbound[2] == 'oifname { "gatewright0", "lo" } return'
    assert inbound[0] == 'iifname { "gatewright0", "lo" } return'
    ends = "ip saddr {} ip daddr {} counter name protect_{}_7 drop"
    assert outbound[-1] == ends.format(A, B, "out")
    assert inbound[-1] == ends.format(B, A, "in")


def test_only_marked_packets_of_the_own_endpoint_leave_without_the_tunnel() -> None:
    outbound, _ = rules(entry(7, A, B))
    exempt = [rule for rule in outbound if "mark" in rule]
    assert len(exempt) == 2
    assert all("ip saddr 203.0.113.1 " in rule for rule in exempt)
    assert all("meta mark 0x4757" in rule for rule in exempt)


def test_the_order_of_the_spd_is_the_order_of_the_rules() -> None:
    host = selector("10.20.0.7/32")
    outbound, inbound = rules(
        entry(1, selector(A), host, Action.BYPASS),
        entry(2, selector(A, 6), selector(B, 6, 25, 25), Action.DISCARD),
        entry(3, A, B),
    )
    assert outbound[-4:] == [
        f"ip saddr {A} ip daddr 10.20.0.7 return",
        f"ip saddr {A} ip daddr {B} meta l4proto 6 th dport 25 counter name discard_out_2 drop",
        f"ip saddr {A} ip daddr {B} meta l4proto 6 ip frag-off & 0x1fff != 0 "
        "counter name discard_out_2 drop",
        f"ip saddr {A} ip daddr {B} counter name protect_out_3 drop",
    ]
    assert "th sport 25" in inbound[-3]


def test_a_home_network_is_exempt_but_not_on_the_external_interface() -> None:
    outbound, inbound = rules(entry(1, A, "0.0.0.0/0"), external="wan")
    home = f"ip saddr {A} ip daddr {A} return"
    assert f'oifname != "wan" {home}' in outbound
    assert f'iifname != "wan" {home}' in inbound
    assert not [rule for rule in rules(entry(1, "0.0.0.0/0", B))[0] if rule.endswith(f"{B} return")]
    assert not [rule for rule in rules(entry(1, A, A))[0] if rule.endswith(f"{A} return")]


def test_one_transaction_empties_and_fills_and_removes_old_counters() -> None:
    text = guards.ruleset(policy(entry(7, A, B)), NAMES, ["protect_out_7", "protect_out_6"])
    lines = text.splitlines()
    assert lines[0] == "add table inet gatewright"
    assert lines[-1] == "delete counter inet gatewright protect_out_6"
    assert "add counter inet gatewright protect_in_7" in lines
    flush = lines.index("flush chain inet gatewright outbound")
    assert all(not line.startswith("add rule") for line in lines[:flush])
    assert "delete table" not in text


def test_counters_name_entry_tunnel_and_direction() -> None:
    first, second, third = (
        guards.counters(policy(entry(1, A, B), entry(2, A, "0.0.0.0/0", Action.BYPASS)))
        + guards.counters(policy(entry(3, A, B, Action.DISCARD)))[:1]
    )
    assert (first.name, first.tunnel, first.direction) == ("protect_out_1", "branch", "out")
    assert second.direction == "in"
    assert (third.name, third.tunnel) == ("discard_out_3", "")
