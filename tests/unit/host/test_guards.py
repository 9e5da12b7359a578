from __future__ import annotations

from collections.abc import Sequence

from gatewright.host import guards
from gatewright.host.names import HostNames
from gatewright.host.netfilter import Contents
from gatewright.policy.compiled import Action, SpdEntry
from tests.support.policies import entry, policy, selector

NAMES = HostNames()
A, B = "192.168.10.0/24", "10.20.0.0/24"


def rules(*entries: SpdEntry, external: Sequence[str] = ()) -> tuple[list[str], list[str]]:
    wanted = policy(*entries)
    chains = guards.ruleset(wanted, NAMES, external).chains
    return list(chains["outbound"]), list(chains["inbound"])


def test_protected_traffic_is_dropped_in_both_directions_unless_by_the_tun_device() -> None:
    outbound, inbound = rules(entry(7, A, B))
    assert outbound[0] == "oiftype != ether jump no_ether_out"
    assert inbound[0] == "iiftype != ether jump no_ether_in"
    ends = "ip saddr {} ip daddr {} counter name protect_{}_7 drop"
    assert outbound[-1] == ends.format(A, B, "out")
    assert inbound[-1] == ends.format(B, A, "in")


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
    outbound, inbound = rules(entry(1, A, "0.0.0.0/0"), external=["wan"])
    home = f"ip saddr {A} ip daddr {A} return"
    assert f'oifname != "wan" {home}' in outbound
    assert f'iifname != "wan" {home}' in inbound
    assert not [rule for rule in rules(entry(1, "0.0.0.0/0", B))[0] if rule.endswith(f"{B} return")]
    assert not [rule for rule in rules(entry(1, A, A))[0] if rule.endswith(f"{A} return")]


def test_one_transaction_empties_and_fills_and_removes_old_counters() -> None:
    wanted = policy(entry(7, A, B))
    made = guards.ruleset(wanted, NAMES)
    standing = Contents(counters=frozenset({"protect_out_7", "protect_out_6"}))
    text = made.text + made.superfluous(NAMES, standing)
    lines = text.splitlines()
    assert lines[0] == "add table inet gatewright"
    assert lines[-1] == "delete counter inet gatewright protect_out_6"
    assert "add counter inet gatewright protect_in_7" in lines
    flushes = [number for number, line in enumerate(lines) if line.startswith("flush chain")]
    assert all(not line.startswith("add rule") for line in lines[: max(flushes)])
    chains = {line.split()[4] for line in lines if line.startswith("add rule")}
    assert chains == {lines[number].split()[4] for number in flushes}
    assert "delete table" not in text


def test_counters_name_entry_tunnel_and_direction() -> None:
    first, second, third = (
        guards.counters(policy(entry(1, A, B), entry(2, A, "0.0.0.0/0", Action.BYPASS)))
        + guards.counters(policy(entry(3, A, B, Action.DISCARD)))[:1]
    )
    assert (first.name, first.tunnel, first.direction) == ("protect_out_1", "branch", "out")
    assert second.direction == "in"
    assert (third.name, third.tunnel) == ("discard_out_3", "")


def test_what_came_out_of_the_tunnel_does_not_leave_by_an_external_interface() -> None:
    def strayed(one: SpdEntry, external: Sequence[str] = ("wan",)) -> Sequence[str] | None:
        return guards.ruleset(policy(one), NAMES, external).chains.get("strayed")

    assert strayed(entry(7, A, B)) == [
        f"ip saddr {B} ip daddr {A} counter name protect_out_7 drop",
        "accept",
    ]
    assert strayed(entry(7, A, B), ()) is None
    # A gateway that lets the other side out to the Internet: the way out is what is wanted.
    assert strayed(entry(7, "0.0.0.0/0", B)) is None


def test_what_address_translation_made_protected_is_dropped_on_its_way_in() -> None:
    assert guards.ruleset(policy(entry(7, A, B)), NAMES, ["wan"]).chains["passing"][-1] == (
        f"ip saddr {B} ip daddr {A} counter name protect_in_7 drop"
    )


def errors(*entries: SpdEntry) -> dict[str, list[str]]:
    chains = guards.ruleset(policy(*entries), NAMES).chains
    return {chain: list(chains[chain]) for chain in ("errors_out", "errors_in")}


def test_errors_about_what_the_tunnel_carried_are_dropped() -> None:
    found = errors(entry(7, A, B))
    here, there = "0xc0a80a00-0xc0a80aff", "0x0a140000-0x0a1400ff"
    kinds = "icmp type { 3, 4, 5, 11, 12 }"
    assert (
        f"{kinds} @th,160,32 {there} @th,192,32 {here} counter name protect_out_7 drop"
        in (found["errors_out"])
    )
    assert (
        f"{kinds} @th,160,32 {here} @th,192,32 {there} counter name protect_in_7 drop"
        in (found["errors_in"])
    )


def test_errors_about_permitted_packets_pass_and_doubtful_ones_do_not() -> None:
    web = selector(B, 6, 80, 80)
    found = errors(entry(1, selector(A), web, Action.BYPASS), entry(2, selector(A), web))
    ports = "@th,136,8 6 @th,64,8 0x45 @th,224,16 0x0050"
    verdicts = [rule.partition(ports)[2].strip() for rule in found["errors_out"] if ports in rule]
    assert verdicts == ["return", "counter name protect_out_2 drop"]
    assert any("@th,64,8 != 0x45 counter" in rule for rule in found["errors_out"])
    assert any("@th,112,16 & 0x1fff != 0 counter" in rule for rule in found["errors_out"])
