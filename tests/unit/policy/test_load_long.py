"""The long form: filter lists, filter actions, key exchange, rules."""

from __future__ import annotations

import pytest

from gatewright.policy.compiled import ConnectionType, IkeVersion, NatTraversal, StartMode
from gatewright.policy.load import load_policy
from gatewright.policy.model import ActionKind, Direction, FilterAction, KeyExchange, Policy, Ports
from tests.unit.policy.samples import LONG, edited, refusal


def load(*changes: tuple[str, str]) -> Policy:
    return load_policy(edited(LONG, *changes), "p.yaml")


def key_exchange(settings: str) -> KeyExchange:
    return load(("{profile: windows-2003}", settings)).key_exchanges[0]


def action(lines: str) -> FilterAction:
    text = f"filter_actions:\n  a:\n    action: negotiate\n{lines}"
    return load_policy(text, "p.yaml").filter_actions[0]


def test_the_articles_policy() -> None:
    policy = load()
    assert [one.name for one in policy.filter_lists] == ["NetA to NetB", "NetB to NetA"]
    assert not policy.filter_lists[0].filters[0].mirrored
    method = policy.filter_actions[0].methods[0]
    assert (method.lifetime, method.lifetime_kilobytes, method.groups) == (3600, 100_000, ())
    assert policy.key_exchanges[0].version is IkeVersion.V1
    assert policy.rules[0].secret == "branch-office"
    assert policy.rules[0].connection_type is ConnectionType.ALL


def test_every_key_of_a_filter() -> None:
    policy = load(
        (
            "{source: 10.20.0.0/24, destination: 192.168.10.0/24, mirrored: no}",
            "{source: me, destination: dns:a.example, protocol: tcp, source_port: 1000-2000,"
            " destination_port: 80, description: web}",
        )
    )
    one = policy.filter_lists[1].filters[0]
    assert (one.protocol, one.source_ports, one.destination_ports) == (
        6,
        Ports(1000, 2000),
        Ports(80, 80),
    )
    assert one.mirrored
    assert one.description == "web"


def test_every_key_of_a_key_exchange() -> None:
    one = key_exchange(
        "{ike_version: 2, security_methods: [aes-128-gcm / prf-hmac-sha256 / x25519], "
        "lifetime: 4h, quick_modes: 5, dpd: off, nat_traversal: off}"
    )
    assert one.version is IkeVersion.V2
    assert (one.lifetime, one.child_limit, one.dpd_delay) == (14400, 5, 0)
    assert one.nat_traversal is NatTraversal.OFF


def test_master_key_pfs_is_one_quick_mode() -> None:
    assert key_exchange("{master_key_pfs: yes}").child_limit == 1
    assert key_exchange("{master_key_pfs: yes, quick_modes: 1}").child_limit == 1
    assert (
        "quick_modes: 5"
        in refusal(
            edited(LONG, ("{profile: windows-2003}", "{master_key_pfs: yes, quick_modes: 5}"))
        ).what
    )


def test_session_key_pfs() -> None:
    by_exchange = action("    security_methods: [aes-128-gcm]\n    session_key_pfs: yes\n")
    assert by_exchange.pfs_of_key_exchange
    named = action("    security_methods: [aes-128-gcm / x25519]\n    session_key_pfs: yes\n")
    assert not named.pfs_of_key_exchange
    off = action("    profile: modern\n    session_key_pfs: no\n")
    assert not off.pfs_of_key_exchange
    assert off.methods[0].groups == ()
    default = action("")
    assert default.methods[0].groups


def test_permit_and_block_need_no_definition_and_have_no_methods() -> None:
    text = "filter_actions: {a: {action: block, description: nothing}}\n"
    one = load_policy(text, "p.yaml").filter_actions[0]
    assert (one.kind, one.methods) == (ActionKind.BLOCK, ())
    finding = refusal("filter_actions: {a: {action: permit, accept_unsecured: yes}}\n")
    assert "negotiates nothing" in finding.what


def test_every_key_of_a_rule() -> None:
    policy = load(
        (
            "    tunnel_endpoint: 203.0.113.2\n",
            "    tunnel_endpoint: 203.0.113.2\n    endpoint_identity: b.example\n"
            "    connection_type: lan\n    enabled: no\n    key_exchange: default\n"
            "    tunnel: office\n    direction: outbound\n    start: always\n    description: x\n",
        )
    )
    rule = policy.rules[0]
    assert str(rule.endpoint_identity) == "fqdn:b.example"
    assert rule.connection_type is ConnectionType.LAN
    assert (rule.enabled, rule.tunnel, rule.start) == (False, "office", StartMode.ALWAYS)
    assert rule.direction is Direction.OUTBOUND


def test_authentication_may_be_a_list_of_one() -> None:
    text = LONG.replace("{preshared_key: branch-office}", "[{preshared_key: x}]")
    assert load_policy(text, "p.yaml").rules[0].secret == "x"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("mirrored: no}\n  NetB", "mirrored: no, protocol: gre, source_port: 5}\n  NetB", "a port"),
        ("mirrored: no}\n  NetB", "mirrored: no, destination_port: 5}\n  NetB", "a port"),
        ("    action: negotiate", "    action: negociate", "not one of"),
        ("des-cbc / hmac-md5-96", "des-cbc", "without an integrity"),
        ("lifetime: 3600", "lifetime: 0", "no lifetime"),
        ("{source: 10.20.0.0/24, destination: 192.168.10.0/24, mirrored: no}", "x", "a mapping"),
    ],
)
def test_values_that_cannot_be(old: str, new: str, what: str) -> None:
    assert what in refusal(edited(LONG, (old, new))).what
