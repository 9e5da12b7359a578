"""The short form: about ten lines make a tunnel."""

from __future__ import annotations

import pytest

from gatewright.policy.compiled import (
    ConnectionType,
    Identity,
    IdentityType,
    IkeVersion,
    NatTraversal,
    StartMode,
)
from gatewright.policy.load import load_policy
from gatewright.policy.model import Tunnel
from tests.unit.policy.samples import SHORT, edited, refusal, short


def load(*extra: str, text: str = SHORT) -> Tunnel:
    return load_policy(short(*extra, text=text), "p.yaml").tunnels[0]


def esp_groups(tunnel: Tunnel) -> list[list[str]]:
    return [[group.name for group in method.groups] for method in tunnel.filter_action.methods]


def test_the_defaults_are_modern() -> None:
    tunnel = load()
    assert tunnel.name == "branch office"
    assert tunnel.secret == "branch-office"
    assert tunnel.key_exchange.version is IkeVersion.V2
    assert tunnel.key_exchange.lifetime == 8 * 3600
    assert tunnel.key_exchange.dpd_delay == 30
    assert tunnel.key_exchange.nat_traversal is NatTraversal.AUTO
    method = tunnel.filter_action.methods[0]
    assert (method.lifetime, method.lifetime_kilobytes, method.esn) == (3600, 0, True)
    assert method.groups
    assert tunnel.start is StartMode.ON_DEMAND
    assert tunnel.connection_type is ConnectionType.ALL
    assert tunnel.enabled
    assert tunnel.place.line == 3


def test_windows_2003() -> None:
    tunnel = load("profile: windows-2003")
    assert tunnel.key_exchange.version is IkeVersion.V1
    method = tunnel.filter_action.methods[0]
    assert (method.lifetime, method.lifetime_kilobytes, method.esn) == (3600, 100_000, False)
    assert method.groups == ()


def test_every_setting() -> None:
    tunnel = load(
        "ike_version: 1",
        "start: always",
        "lifetimes: {ike: 4h, esp: 30m, esp_kilobytes: 500000}",
        "dpd: {delay: 10s, timeout: 1m}",
        "nat_traversal: force",
        "master_key_pfs: yes",
        "connection_type: lan",
        "enabled: no",
        "description: to the branch",
    )
    exchange, method = tunnel.key_exchange, tunnel.filter_action.methods[0]
    assert exchange.version is IkeVersion.V1
    assert (exchange.lifetime, method.lifetime, method.lifetime_kilobytes) == (14400, 1800, 500000)
    assert (exchange.dpd_delay, exchange.dpd_timeout) == (10, 60)
    assert exchange.nat_traversal is NatTraversal.FORCE
    assert exchange.child_limit == 1
    assert tunnel.start is StartMode.ALWAYS
    assert tunnel.connection_type is ConnectionType.LAN
    assert not tunnel.enabled
    assert tunnel.description == "to the branch"


def test_dead_peer_detection_can_be_off() -> None:
    assert load("dpd: off").key_exchange.dpd_delay == 0


def test_algorithms_written_out_are_taken_as_they_stand() -> None:
    tunnel = load(
        "algorithms:",
        "  ike: [aes-256-gcm / prf-hmac-sha384 / ecp-384]",
        "  esp:",
        "    - aes-256-gcm",
        "    - {esp: aes-128-cbc / hmac-sha256-128, lifetime: 20m, esn: no}",
    )
    assert [c.name for c in tunnel.key_exchange.methods[0].ciphers] == ["aes-256-gcm"]
    first, second = tunnel.filter_action.methods
    assert first.groups == ()
    assert first.esn
    assert (second.lifetime, second.esn) == (1200, False)
    assert first.place.line == 10


@pytest.mark.parametrize(
    ("lines", "groups"),
    [
        (["pfs: no"], [[]]),
        (["pfs: ecp-256"], [["ecp-256"]]),
        (["pfs: [ecp-256, modp-2048]"], [["ecp-256", "modp-2048"]]),
        (["profile: windows-2003", "pfs: yes"], [["modp-1024"]]),
        (
            ["pfs: yes", "algorithms: {ike: aes-128-gcm / prf-hmac-sha256 / ecp-384}"],
            [["ecp-384"]],
        ),
        (
            [
                "ike_version: 1",
                "pfs: yes",
                "algorithms: {ike: aes-128-cbc / hmac-sha256-128 / modp-2048 | ecp-256}",
            ],
            [["modp-2048"]] * 2,
        ),
        (["algorithms: {esp: aes-128-gcm / x25519}"], [["x25519"]]),
    ],
)
def test_perfect_forward_secrecy(lines: list[str], groups: list[list[str]]) -> None:
    assert esp_groups(load(*lines)) == groups


def test_identities() -> None:
    text = edited(SHORT, ("networks: [10.20", "identity: gw.example.org, networks: [10.20"))
    assert load(text=text).remote.identity == Identity(IdentityType.FQDN, "gw.example.org")


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        (["profile: windows-2003", "ike_version: 2"], "has no IKEv2"),
        (["profile: windws-2003"], "is not one of"),
        (["ike_version: 3"], "is not one of"),
        (["ike_version: 1", "esn: yes"], "extended sequence numbers"),
        (["lifetimes: {ike: 0}"], "no lifetime"),
        (["dpd: 30s"], "off, or has"),
        (["dpd: {delay: 30s, timeout: 20s}"], "not longer"),
        (["pfs: no", "algorithms: {esp: aes-128-gcm / x25519}"], "name a group"),
        (["pfs: maybe"], "not an algorithm"),
        (["algorithms: {ike: []}"], "list is empty"),
        (["algorithms: {esp: [{lifetime: 1h}]}"], "has no `esp`"),
        (["algorithms: {ike: aes-256-gcm / hmac-sha1-96 / x25519}"], "stands with"),
    ],
)
def test_settings_that_cannot_be(lines: list[str], what: str) -> None:
    assert what in refusal(short(*lines)).what


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("[10.20.0.0/24]", "[]", "list is empty"),
        ("[10.20.0.0/24]", "[10.20.0.0/24, 10.20.0.0/255.255.255.0]", "stands twice"),
        ("[10.20.0.0/24]", "[10.20.0.1/24]", "inside a subnet"),
        ("203.0.113.2", "gateway", "not an IP address"),
        ("{preshared_key: branch-office}", "{certificate: x}", "does not have"),
        ("{preshared_key: branch-office}", "[{preshared_key: a}, {preshared_key: b}]", "more than"),
        ("{preshared_key: branch-office}", "{preshared_key: my real key}", "not shown"),
        ("{preshared_key: branch-office}", "branch-office", "not a mapping"),
    ],
)
def test_values_that_cannot_be(old: str, new: str, what: str) -> None:
    findings = refusal_texts(edited(SHORT, (old, new)))
    assert what in findings
    assert "real key" not in findings


def refusal_texts(text: str) -> str:
    finding = refusal(text)
    assert finding.place.line > 1
    return str(finding)
