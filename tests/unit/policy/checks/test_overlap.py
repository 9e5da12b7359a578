"""Entries that select the same packets."""

from __future__ import annotations

import pytest

from gatewright.policy.checks import overlap
from gatewright.policy.findings import Severity
from tests.unit.policy.samples import SHORT, codes, found, one, tunnel

PEER = "203.0.113.9"


def rule(action: str, source: str, destination: str) -> str:
    return (
        f"filter_lists: {{l: {{filters: {{source: {source}, destination: {destination}}}}}}}\n"
        f"rules: {{extra: {{filter_list: l, filter_action: {action}}}}}\n"
    )


def test_the_same_networks_twice_shadow_one_tunnel() -> None:
    finding = one(
        found(SHORT + tunnel("b", "192.168.10.0/24", "10.20.0.0/24", peer=PEER)), "shadowed-filter"
    )
    assert finding.severity is Severity.ERROR
    assert finding.place.line == 7
    assert "`branch office`" in finding.what
    assert "`b`" in finding.what
    assert "p.yaml:3" in finding.instead


def test_a_network_within_another_tunnels_network_is_a_note() -> None:
    finding = one(
        found(SHORT + tunnel("b", "192.168.0.0/16", "10.0.0.0/8", peer=PEER)), "nested-filters"
    )
    assert finding.severity is Severity.NOTE
    assert finding.what.startswith("tunnel `branch office` selects")


def test_a_partial_overlap_is_a_warning() -> None:
    finding = one(
        found(SHORT + tunnel("b", "192.168.0.0/16", "10.20.0.128/25", peer=PEER)),
        "overlapping-filters",
    )
    assert finding.severity is Severity.WARNING
    assert "192.168.10.0/24 to 10.20.0.128/25" in finding.what


@pytest.mark.parametrize(
    "second",
    [
        tunnel("b", "192.168.10.0/24", "10.21.0.0/24", peer=PEER),
        tunnel("b", "192.168.11.0/24", "10.20.0.0/24", peer=PEER),
    ],
)
def test_disjoint_networks_on_one_side_are_enough(second: str) -> None:
    assert found(SHORT + second) == ()


def test_a_single_host_in_common_is_an_overlap() -> None:
    text = "tunnels:\n" + tunnel("a", "192.168.10.0/24", "10.0.0.5")
    assert codes(found(text + tunnel("b", "192.168.10.0/24", "10.0.0.5", peer=PEER))) == {
        "shadowed-filter"
    }


def test_packets_of_both_ip_versions_do_not_meet_across() -> None:
    """The IPv4 networks have the local side in common, the IPv6 networks the remote side."""
    first = tunnel("a", '10.1.0.0/16, "fd01::/64"', '10.5.0.0/16, "fd09::/64"')
    second = tunnel("b", '10.1.0.0/16, "fd02::/64"', '10.6.0.0/16, "fd09::/64"', peer=PEER)
    assert found("tunnels:\n" + first + second) == ()


def test_permitting_what_is_protected_lets_it_pass_in_clear() -> None:
    finding = one(
        found(SHORT + rule("permit", "192.168.10.7", "10.20.0.0/24")), "permit-over-protected"
    )
    assert finding.severity is Severity.WARNING
    assert "in clear" in finding.what
    assert finding.place.line == 8


def test_a_permit_rule_of_the_same_size_never_counts() -> None:
    findings = found(SHORT + rule("permit", "192.168.10.0/24", "10.20.0.0/24"))
    assert "rule `extra` never sees one" in one(findings, "shadowed-filter").why


def test_a_wider_permit_rule_leaves_the_tunnel_alone() -> None:
    assert codes(found(SHORT + rule("permit", "192.168.10.0/24", "any"))) == {"nested-filters"}


@pytest.mark.parametrize("source", ["192.168.10.7", "192.168.0.0/16"])
def test_blocking_some_of_the_protected_traffic_is_in_order(source: str) -> None:
    assert found(SHORT + rule("block", source, "10.20.0.7")) == ()


def test_the_effort_is_bounded_and_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    text = SHORT + tunnel("b", "192.168.10.0/24", "10.20.0.0/24", peer=PEER)
    for name in ("MAX_EFFORT", "MAX_FINDINGS"):
        with monkeypatch.context() as patch:
            patch.setattr(overlap, name, 0)
            assert codes(found(text)) == {"overlaps-not-complete"}


def test_rules_of_different_protocols_do_not_meet() -> None:
    text = """\
filter_lists:
  tcp: {filters: {source: 10.0.0.0/8, destination: 192.0.2.0/24, protocol: tcp}}
  udp: {filters: {source: 10.0.0.0/8, destination: 192.0.2.0/24, protocol: udp}}
rules:
  t: {filter_list: tcp, filter_action: block}
  u: {filter_list: udp, filter_action: permit}
"""
    assert found(text) == ()
