"""Tunnel endpoints."""

from __future__ import annotations

import pytest

from gatewright.policy.findings import Severity
from tests.unit.policy.samples import LONG, SHORT, codes, edited, found, one, short, tunnel


def test_local_and_remote_exchanged() -> None:
    finding = one(found(SHORT, "203.0.113.2", "10.20.0.1"), "endpoints-exchanged")
    assert finding.severity is Severity.ERROR
    assert finding.place.line == 3
    assert "203.0.113.2 is an address of this gateway" in finding.what
    assert "exchange `local` and `remote`" in finding.instead


SWAPPED = edited(
    LONG,
    ("tunnel_endpoint: 203.0.113.2", "tunnel_endpoint: TEMPORARY"),
    ("tunnel_endpoint: 203.0.113.1", "tunnel_endpoint: 203.0.113.2"),
    ("tunnel_endpoint: TEMPORARY", "tunnel_endpoint: 203.0.113.1"),
)


def test_the_rules_endpoints_exchanged() -> None:
    """NetA to NetB names the own gateway, NetB to NetA the peer."""
    finding = one(found(SWAPPED, "203.0.113.1", "192.168.10.1"), "endpoints-exchanged")
    assert "192.168.10.1 in the remote 192.168.10.0/24" in finding.what
    assert "the other gateway's external address" in finding.instead


def test_the_article_s_rules_are_right_on_both_gateways() -> None:
    for own in (("203.0.113.1", "192.168.10.1"), ("203.0.113.2", "10.20.0.1")):
        assert "endpoints-exchanged" not in codes(found(LONG, *own))


def test_a_second_tunnel_the_wrong_way_round() -> None:
    second = tunnel("b", "192.168.11.0/24", "10.21.0.0/24")
    second = second.replace("203.0.113.1", "X").replace("203.0.113.2", "203.0.113.1")
    finding = one(found(SHORT + second.replace("X", "203.0.113.9")), "endpoints-exchanged")
    assert finding.place.line == 7
    assert "local endpoint of another tunnel" in finding.what


def test_endpoints_across_the_networks() -> None:
    text = edited(SHORT, ("203.0.113.1", "10.20.0.1"), ("203.0.113.2", "192.168.10.1"))
    assert "each endpoint lies" in one(found(text), "endpoints-exchanged").what


def test_an_endpoint_that_is_no_address_of_this_gateway() -> None:
    finding = one(found(SHORT, "198.51.100.7"), "endpoint-not-local")
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ([("10.20.0.0/24", "203.0.113.0/24"), ("192.168.10.0/24", "203.0.113.1/32")],
         Severity.ERROR),
        ([("10.20.0.0/24", "203.0.112.0/22")], Severity.WARNING),
    ],
)  # fmt: skip
def test_an_endpoint_inside_the_protected_network(
    changes: list[tuple[str, str]], severity: Severity
) -> None:
    finding = one(found(edited(SHORT, *changes)), "endpoint-inside-network")
    assert finding.severity is severity


def test_everything_may_go_through_the_tunnel() -> None:
    text = edited(SHORT, ("10.20.0.0/24", "any"))
    assert "endpoint-inside-network" not in codes(found(text))


def test_two_tunnels_between_the_same_gateways_have_to_agree() -> None:
    second = tunnel("b", "192.168.11.0/24", "10.21.0.0/24", "lifetimes: {ike: 4h}")
    finding = one(found(SHORT + second), "same-endpoints")
    assert finding.severity is Severity.ERROR
    assert "preshared key, IKE lifetime" in finding.what
    assert "p.yaml:3" in finding.instead


def test_ikev2_tells_peers_of_one_address_apart_by_identity() -> None:
    second = tunnel("b", "192.168.11.0/24", "10.21.0.0/24").replace(
        "endpoint: 203.0.113.2", "endpoint: 203.0.113.2, identity: b.example"
    )
    assert one(found(SHORT + second), "same-endpoints").severity is Severity.NOTE
    first = short("profile: windows-2003")
    legacy = first + second + "    profile: windows-2003\n"
    assert one(found(legacy), "same-endpoints").severity is Severity.ERROR


def test_tunnels_that_agree_share_the_gateways_in_peace() -> None:
    second = tunnel("b", "192.168.11.0/24", "10.21.0.0/24").replace(
        "preshared_key: b", "preshared_key: branch-office"
    )
    assert found(SHORT + second) == ()
