"""Two rules find each other, and which of them is outbound."""

from __future__ import annotations

import pytest

from tests.unit.policy.samples import LONG, compiled, edited, refusal, refused

NET_A, NET_B = "192.168.10.0/24", "10.20.0.0/24"


def ends(text: str, *local: str) -> tuple[str, str, str, str]:
    (one,) = compiled(text, *local).connections
    (child,) = one.children
    return str(one.local), str(one.remote), str(child.local[0]), str(child.remote[0])


def test_the_first_rule_is_outbound_where_nothing_else_tells() -> None:
    assert ends(LONG) == ("203.0.113.1", "203.0.113.2", NET_A, NET_B)


def test_the_inbound_rules_endpoint_is_an_address_of_this_gateway() -> None:
    """The pair of rules reads the same on both gateways; their addresses tell the sides."""
    assert ends(LONG, "203.0.113.1") == ("203.0.113.1", "203.0.113.2", NET_A, NET_B)
    assert ends(LONG, "203.0.113.2") == ("203.0.113.2", "203.0.113.1", NET_B, NET_A)


def test_a_written_direction_counts_more_than_addresses() -> None:
    text = edited(
        LONG,
        ("tunnel_endpoint: 203.0.113.1", "tunnel_endpoint: 203.0.113.1\n    direction: outbound"),
    )
    assert ends(text, "203.0.113.1") == ("203.0.113.2", "203.0.113.1", NET_B, NET_A)


def test_a_tunnel_has_the_name_that_its_rules_share_or_the_outbound_rules() -> None:
    assert compiled(LONG).connections[0].name == "NetA to NetB"
    assert compiled(LONG, "203.0.113.2").connections[0].name == "NetB to NetA"
    named = LONG.replace("    tunnel_endpoint:", "    tunnel: office\n    tunnel_endpoint:")
    assert compiled(named).connections[0].name == "office"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([("destination: 10.20.0.0/24, mirrored: no", "destination: 10.20.0.0/24")],
         "mirrored-tunnel-filter"),
        ([("tunnel_endpoint: 203.0.113.1", "tunnel_endpoint: 203.0.113.2")],
         "same-endpoint-twice"),
        ([("    tunnel_endpoint: 203.0.113.1\n", "")], "no-tunnel-endpoint"),
        ([("source: 10.20.0.0/24", "source: 10.20.1.0/24")], "missing-reverse-rule"),
        ([("endpoint: 203.0.113.1", "endpoint: 203.0.113.1\n    enabled: no")],
         "missing-reverse-rule"),
    ],
)  # fmt: skip
def test_rules_that_make_no_tunnel(changes: list[tuple[str, str]], code: str) -> None:
    assert code in {finding.code for finding in refused(edited(LONG, *changes))}


def test_a_mirrored_filter_is_an_error_on_its_line() -> None:
    finding = refused(
        edited(LONG, ("destination: 10.20.0.0/24, mirrored: no", "destination: 10.20.0.0/24"))
    )[0]
    assert (finding.code, finding.place.line) == ("mirrored-tunnel-filter", 5)
    assert "mirrored: no" in finding.instead


def test_rules_that_name_a_tunnel_and_are_not_each_others_reverse() -> None:
    named = LONG.replace("    tunnel_endpoint:", "    tunnel: office\n    tunnel_endpoint:")
    assert (
        refusal(edited(named, ("source: 10.20.0.0/24", "source: 10.2.0.0/24"))).code
        == "not-reverse"
    )


def test_a_third_rule_with_the_name_of_a_tunnel() -> None:
    named = LONG.replace("    tunnel_endpoint:", "    tunnel: office\n    tunnel_endpoint:")
    third = named[named.rindex("  NetB to NetA:") :].replace("  NetB to NetA:", "  third:")
    assert refusal(named + third).code == "too-many-rules"


def test_two_rules_of_one_direction() -> None:
    text = LONG.replace("    tunnel_endpoint:", "    direction: inbound\n    tunnel_endpoint:")
    assert refusal(text).code == "two-of-one-direction"


def test_permit_and_block_are_mirrored_and_have_no_endpoint() -> None:
    rule = "  extra:\n    filter_list: NetA to NetB\n    filter_action: block\n"
    assert refusal(LONG + rule).code == "unmirrored-filter"
    mirrored = "rules: {r: {filter_list: l, filter_action: permit, tunnel_endpoint: 192.0.2.1}}\n"
    lists = "filter_lists: {l: {filters: {source: 10.0.0.0/8, destination: any}}}\n"
    assert refusal(lists + mirrored).code == "tunnel-without-negotiation"


def test_a_tunnel_without_authentication() -> None:
    text = LONG.replace("    authentication: {preshared_key: branch-office}\n", "")
    assert {finding.code for finding in refused(text)} == {"no-authentication"}


def test_two_tunnels_of_one_name() -> None:
    second = """\
tunnels:
  NetA to NetB:
    local:  {endpoint: 203.0.113.1, networks: [192.168.11.0/24]}
    remote: {endpoint: 203.0.113.3, networks: [10.21.0.0/24]}
    authentication: {preshared_key: x}
"""
    finding = refusal(LONG + second)
    assert finding.code == "duplicate-tunnel"


def test_two_tunnels_of_the_same_networks_pair_in_the_order_of_the_file() -> None:
    doubled = edited(
        LONG
        + LONG.partition("rules:\n")[2]
        .replace("  NetA to NetB:", "  second out:")
        .replace("  NetB to NetA:", "  second in:")
        .replace("203.0.113.2", "203.0.113.9")
    )
    names = [(one.name, str(one.remote)) for one in compiled(doubled).connections]
    assert names == [("NetA to NetB", "203.0.113.2"), ("second out", "203.0.113.9")]
