"""Worlds of many tunnels: their networks, and the policies that are made of them."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from bench.paths.ours import FAR_NETWORKS, far_host, far_network, policy
from bench.rows.many import Compared

from gatewright.control.policies import check
from gatewright.lab.world import IPV4


def test_ten_thousand_networks_lie_apart_and_at_host_b() -> None:
    networks = [ip_network(far_network(number)) for number in range(10_000)]
    assert str(networks[0]) == IPV4.b.network
    assert len(set(networks)) == 10_000
    assert all(network.subnet_of(FAR_NETWORKS) for network in networks)  # type: ignore[arg-type]


def test_the_sender_counts_destinations_up_the_same_way() -> None:
    assert far_host(0) == IPV4.b.host
    assert far_host(1) == "10.20.1.2"
    assert all(
        ip_address(far_host(number)) in ip_network(far_network(number))
        for number in (0, 1, 255, 256, 9_999)
    )


def test_a_policy_of_many_tunnels_has_no_errors() -> None:
    pairs = [(IPV4.a.network, far_network(number)) for number in range(20)]
    result = check(policy(IPV4.a, IPV4.b, pairs, ["aes-128-gcm"], udp=True), "policy.yaml")
    assert [finding.what for finding in result.findings if finding.severity == "error"] == []
    assert result.ok


def test_what_goes_over_many_is_held_against_the_lone_tunnel_before_and_after() -> None:
    compared = Compared()
    alone, many = iter([100.0, 400.0, 100.0]), iter([190.0, 210.0])
    for _ in range(2):
        compared.take(lambda: next(many), lambda: next(alone))
    assert compared.alone == [100.0, 400.0, 100.0]
    assert compared.many == [190.0, 210.0]
    assert compared.ratios == pytest.approx([0.95, 1.05])
