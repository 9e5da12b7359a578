"""The policies of the worlds are good policies, and say what they are meant to say."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from gatewright.iana.algorithms import CIPHER_BY_NAME
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.lab.policies import TUNNEL, TunnelText, article_policy
from gatewright.lab.world import IPV4, IPV6, Sides
from gatewright.policy.checks.run import check_policy
from gatewright.policy.compile import compile_policy
from gatewright.policy.compiled import CompiledPolicy, IkeVersion
from gatewright.policy.load import load_policy


def compiled(text: str, own: str) -> CompiledPolicy:
    """The policy as the gateway with this address compiles it; it has to be without complaint."""
    addresses = [ip_address(own)]
    policy = load_policy(text, "policy.yaml")
    assert not [each for each in check_policy(policy, addresses) if each.severity.value == "error"]
    return compile_policy(policy, addresses)


@pytest.mark.parametrize("sides", [IPV4, IPV6], ids=["IPv4", "IPv6"])
def test_the_short_form_joins_the_two_networks(sides: Sides) -> None:
    policy = compiled(str(TunnelText(sides.a, sides.b)), sides.a.external)
    (connection,) = policy.connections
    assert connection.name == TUNNEL
    assert connection.local == ip_address(sides.a.external)
    assert connection.remote == ip_address(sides.b.external)
    (child,) = connection.children
    assert child.local == (TrafficSelector.from_network(ip_network(sides.a.network)),)
    assert child.remote == (TrafficSelector.from_network(ip_network(sides.b.network)),)


def test_the_mirror_image_is_the_other_gateways_policy() -> None:
    text = TunnelText(
        IPV4.a,
        IPV4.b,
        local_identity="fqdn:a.example",
        networks=["192.168.10.0/25"],
        settings={"ike_version": "1"},
    )
    ours = compiled(str(text), IPV4.a.external).connections[0]
    theirs = compiled(str(text.mirrored()), IPV4.b.external).connections[0]
    assert (ours.local, ours.remote) == (theirs.remote, theirs.local)
    assert ours.local_identity == theirs.remote_identity
    assert ours.children[0].local == theirs.children[0].remote
    assert text.mirrored().mirrored() == text


def test_settings_reach_the_tunnel() -> None:
    text = TunnelText(IPV4.a, IPV4.b, settings={"dpd": "{delay: 7s}"}, name="other")
    (connection,) = compiled(str(text), IPV4.a.external).connections
    assert connection.dpd_delay == 7
    assert connection.name == "other"


def test_two_tunnels_can_stand_in_one_file() -> None:
    one = TunnelText(IPV4.a, IPV4.b)
    remote = replace(IPV4.b, external="203.0.113.77", network="10.77.0.0/24")
    two = TunnelText(IPV4.a, remote, name="two")
    text = str(one) + str(two).removeprefix("tunnels:\n")
    assert len(compiled(text, IPV4.a.external).connections) == 2


@pytest.mark.parametrize("own", ["a", "b"])
def test_the_articles_policy_is_main_mode_with_3des_and_esp_with_des_md5(own: str) -> None:
    local, remote = (IPV4.a, IPV4.b) if own == "a" else (IPV4.b, IPV4.a)
    (connection,) = compiled(article_policy(local, remote), local.external).connections
    assert connection.name == TUNNEL
    assert connection.version is IkeVersion.V1
    (main_mode,) = connection.proposals
    assert main_mode.cipher is CIPHER_BY_NAME["3des-cbc"]
    (quick_mode,) = connection.children[0].proposals
    assert quick_mode.cipher is CIPHER_BY_NAME["des-cbc"]
    assert quick_mode.lifetime_kilobytes == 100_000
