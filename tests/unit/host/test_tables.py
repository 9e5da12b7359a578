"""Look-ups in tables decide as the SPD does, entry by entry; an evaluator stands for nftables."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from itertools import count, product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gatewright.host import guards, tables
from gatewright.host.lookups import lookups
from gatewright.host.names import HostNames
from gatewright.host.netfilter import Contents
from gatewright.host.tables import IN, OUT, counter_name
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Action, CompiledPolicy, SpdEntry
from gatewright.policy.flows import Flow, flows
from tests.support.nft_model import PASSED, Packet, Tables, decide
from tests.support.policies import entry, policy, selector

NAMES = HostNames()
HERE = "192.168.10.0/24"


def branches(number: int, action: Action = Action.PROTECT, first: int = 1) -> list[SpdEntry]:
    return [
        entry(first + each, HERE, f"10.{each >> 8}.{each & 255}.0/24", action)
        for each in range(number)
    ]


def chain_rules(made: guards.Ruleset, direction: str) -> list[str]:
    """Those that the SPD became."""
    rules = list(made.chains["outbound" if direction == OUT else "inbound"])
    last = max(number for number, rule in enumerate(rules) if " jump " in rule)
    return rules[last + 1 :]


def test_a_thousand_entries_are_one_rule_in_each_chain() -> None:
    made = guards.ruleset(policy(*branches(1000)), NAMES, ["wan"])
    assert chain_rules(made, OUT) == [
        f"ip saddr {HERE} counter name (ip saddr & 255.255.255.0) . (ip daddr & 255.255.255.0) "
        "map @protect_4_24_24_out drop"
    ]
    assert chain_rules(made, IN) == [
        f"ip daddr {HERE} counter name (ip daddr & 255.255.255.0) . (ip saddr & 255.255.255.0) "
        "map @protect_4_24_24_in drop"
    ]
    assert made.chains["strayed"][0] == (
        f"ip daddr {HERE} counter name (ip daddr & 255.255.255.0) . (ip saddr & 255.255.255.0) "
        "map @protect_4_24_24_out drop"
    )
    assert list(made.chains["errors_out"]) == [
        "icmp type { 3, 4, 5, 11, 12 } (@th,192,32 & 0xffffff00) . (@th,160,32 & 0xffffff00) "
        "@protect_4_24_24_quoted counter name protect_out_errors drop"
    ]
    assert made.elements == 3000
    assert 'add element inet gatewright protect_4_24_24_out { 192.168.10.0 . 10.0.0.0 : "' in (
        made.text
    )
    assert "{ 0xc0a80a00 . 0x0a000000, " in made.text


@pytest.mark.parametrize(("own", "far"), [(tables.FEW, 10), (tables.FEW + 1, 10), (10, 2)])
def test_few_prefixes_of_a_side_are_compared_before_anything_is_looked_up(
    own: int, far: int
) -> None:
    networks = product(range(own), range(far))
    ends = [(f"192.168.{here}.0/24", f"10.0.{there}.0/24") for here, there in networks]
    made = guards.ruleset(policy(*(entry(i, *each) for i, each in enumerate(ends, 1))), NAMES)
    look = (
        "counter name (ip daddr & 255.255.255.0) . (ip saddr & 255.255.255.0) "
        "map @protect_4_24_24_in drop"
    )
    if own <= tables.FEW:
        expected = [f"ip daddr 192.168.{here}.0/24 {look}" for here in range(own)]
    elif far <= tables.FEW:
        expected = [f"ip saddr 10.0.{there}.0/24 {look}" for there in range(far)]
    else:
        expected = [look]
    assert chain_rules(made, IN) == expected


def test_few_entries_stay_rules() -> None:
    made = guards.ruleset(policy(*branches(tables.LEAST - 1)), NAMES)
    assert made.tables == frozenset()
    assert len(chain_rules(made, OUT)) == tables.LEAST - 1


def test_permitted_networks_are_a_set_before_what_they_are_taken_from() -> None:
    permitted = branches(20, Action.BYPASS)
    made = guards.ruleset(policy(*permitted, entry(99, HERE, "10.0.0.0/8")), NAMES)
    assert chain_rules(made, OUT) == [
        f"ip saddr {HERE} (ip saddr & 255.255.255.0) . (ip daddr & 255.255.255.0) "
        "@bypass_4_24_24 return",
        f"ip saddr {HERE} ip daddr 10.0.0.0/8 counter name protect_out_99 drop",
    ]


def test_a_side_that_is_everything_is_not_part_of_the_key() -> None:
    hosts = [entry(each, HERE, f"10.0.0.{each}/32") for each in range(1, 10)]
    wide = [entry(each + 20, "0.0.0.0/0", f"10.0.1.{each}/32") for each in range(1, 10)]
    made = guards.ruleset(policy(*hosts, *wide), NAMES)
    assert chain_rules(made, OUT) == [
        f"ip saddr {HERE} counter name (ip saddr & 255.255.255.0) . ip daddr "
        "map @protect_4_24_32_out drop",
        "counter name ip daddr map @protect_4_0_32_internet_out drop",
    ]
    assert "map inet gatewright protect_4_0_32_internet_out { type ipv4_addr : counter; }" in (
        made.text
    )


def test_entries_of_one_port_are_one_table_with_their_fragments() -> None:
    mail = [
        entry(each, selector(HERE), selector(f"10.0.{each}.0/24", 6, 25, 25), Action.DISCARD)
        for each in range(1, 10)
    ]
    made = guards.ruleset(policy(*mail), NAMES)
    key = "(ip saddr & 255.255.255.0) . (ip daddr & 255.255.255.0)"
    drop = f"counter name {key} map @discard_4_24_24_p6_d25_25_out drop"
    assert chain_rules(made, OUT) == [
        f"ip saddr {HERE} meta l4proto 6 th dport 25 {drop}",
        f"ip saddr {HERE} meta l4proto 6 ip frag-off & 0x1fff != 0 {drop}",
    ]
    names = [each.name for each in guards.counters(policy(*mail))]
    assert names[-2:] == ["discard_out_errors", "discard_in_errors"]


def test_what_is_not_wanted_any_more_goes_before_what_is_named_in_it() -> None:
    made = guards.ruleset(policy(*branches(2)), NAMES)
    standing = Contents(
        frozenset({"inbound", "sealed", "untranslated"}),
        frozenset({"protect_out_1", "protect_out_9"}),
        frozenset({("map", "gone")}),
    )
    assert made.superfluous(NAMES, standing).splitlines() == [
        "flush chain inet gatewright sealed",
        "flush chain inet gatewright untranslated",
        "delete chain inet gatewright sealed",
        "delete chain inet gatewright untranslated",
        "delete map inet gatewright gone",
        "delete counter inet gatewright protect_out_9",
    ]


# Few networks, so that entries overlap in every way there is.
_networks = st.sampled_from(
    ["10.0.0.0/16", "10.0.1.0/24", "10.0.2.0/24", "10.0.1.8/32", "0.0.0.0/0", "fd00:1::/32"]
)
_ports = st.sampled_from([(0, 0, 65535)] * 3 + [(17, 0, 65535), (17, 53, 53), (6, 20, 90)])
_RANGE = TrafficSelector(ip_address("10.0.1.5"), ip_address("10.0.2.77"))
_ADDRESSES = [ip_address(f"10.0.{each}") for each in ("1.8", "1.9", "2.8", "2.78", "3.1")]
_TRANSPORTS: list[tuple[int, int, int, bool]] = [
    (47, 0, 0, False),
    (17, 53, 1, False),
    (17, 1, 53, False),
    (6, 80, 1, False),
    (17, 1, 2, True),
]
_PACKETS = [
    Packet(source, destination, *rest)
    for source, destination in [*product(_ADDRESSES, repeat=2), (ip_address("fd00:1::1"),) * 2]
    for rest in _TRANSPORTS
]


@st.composite
def _selectors(draw: st.DrawFn) -> TrafficSelector:
    if draw(st.integers(0, 15)) == 15:
        return _RANGE
    return TrafficSelector.from_network(ip_network(draw(_networks)), *draw(_ports))


@st.composite
def _entries(draw: st.DrawFn) -> SpdEntry:
    sides = [tuple(draw(st.lists(_selectors(), min_size=1, max_size=2))) for _ in range(2)]
    action = draw(st.sampled_from(Action))
    owner = "branch" if action is Action.PROTECT else ""
    return SpdEntry(0, "", action, sides[0], sides[1], owner, owner)


def numbered(entries: Sequence[SpdEntry]) -> CompiledPolicy:
    numbers = count(1)
    return policy(
        *(
            SpdEntry(number, f"{number}", e.action, e.local, e.remote, e.tunnel, e.child)
            for number, e in zip(numbers, entries, strict=False)
        )
    )


@st.composite
def policies(draw: st.DrawFn) -> CompiledPolicy:
    return numbered(draw(st.lists(_entries(), min_size=3, max_size=12)))


def _expected(wanted: CompiledPolicy, packet: Packet, direction: str) -> str:
    """By RFC 4301: the entries one after the other, the first one that matches decides."""
    for each in wanted.spd:
        if at_home(each, packet):
            return PASSED
        passes = each.action is Action.BYPASS
        for one in flows(each, inbound=direction == IN):
            if matches(one, packet, doubt=not passes):
                return PASSED if passes else counter_name(each, direction)
    return PASSED


def at_home(each: SpdEntry, packet: Packet) -> bool:
    return each.action is Action.PROTECT and any(
        home.contains(packet.source) and home.contains(packet.destination) for home in _homes(each)
    )


def _homes(each: SpdEntry) -> list[TrafficSelector]:
    whole = [TrafficSelector(local.first, local.last) for local in each.local]
    larger = [TrafficSelector(remote.first, remote.last) for remote in each.remote]
    return [one for one in whole if any(r.covers(one) and r != one for r in larger)]


def matches(one: Flow, packet: Packet, *, doubt: bool) -> bool:
    ends = ((one.source, packet.source), (one.destination, packet.destination))
    for wanted, address in ends:
        if wanted.version != address.version:
            return False
        if not int(wanted.first) <= int(address) <= int(wanted.last):
            return False
    if one.protocol not in (0, packet.protocol):
        return False
    if not one.needs_transport_header:
        return True
    if packet.later_fragment:
        return doubt
    ports = (
        (one.source_ports, packet.source_port),
        (one.destination_ports, packet.destination_port),
    )
    return all(wanted is None or wanted[0] <= port <= wanted[1] for wanted, port in ports)


@settings(max_examples=60)
@given(policies(), st.sampled_from([1, 3]))
@example(numbered(branches(20)), 1)
def test_tables_decide_as_the_spd_does(wanted: CompiledPolicy, least: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "LEAST", least)
        made = guards.ruleset(wanted, NAMES)
    filled = Tables(made.text)
    for direction in (OUT, IN):
        rules = chain_rules(made, direction)
        for packet in _PACKETS:
            assert decide(rules, filled, packet) == _expected(wanted, packet, direction)


@settings(max_examples=60)
@given(policies())
def test_members_that_stand_in_one_table_do_not_overlap(wanted: CompiledPolicy) -> None:
    for lookup in lookups(wanted):
        if lookup.tabular:
            members = list(lookup.members.values())
            for number, one in enumerate(members):
                for other in members[number + 1 :]:
                    apart = [
                        getattr(one.outbound, side).intersection(getattr(other.outbound, side))
                        for side in ("source", "destination")
                    ]
                    assert None in apart
