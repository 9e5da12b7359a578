"""What front-ends do with a policy file without a gateway."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from gatewright.control import policies
from gatewright.control.policies import PolicyRefusedError
from gatewright.host.names import HostError
from gatewright.host.steering import LocalAddress
from gatewright.policy.checks.view import SecretKnowledge
from tests.unit.policy.samples import LONG, SHORT, short


def test_check_counts_and_carries_the_findings() -> None:
    result = policies.check(short("pfs: no", "profile: windows-2003"), "p.yaml")
    assert (result.ok, result.errors, result.warnings, result.notes) == (True, 0, 1, 0)
    (finding,) = result.findings
    assert (finding.code, finding.severity, finding.file, finding.line) == (
        "weak-algorithms", "warning", "p.yaml", 8,
    )  # fmt: skip
    assert finding.why
    assert finding.instead


def test_check_of_what_is_no_policy() -> None:
    result = policies.check("tunels: {}\n", "p.yaml")
    assert (result.ok, result.errors) == (False, 1)
    assert result.findings[0].code == "unknown-key"


def test_check_with_secrets_and_addresses() -> None:
    knowledge = SecretKnowledge(lambda name: f"no {name}", frozenset())
    result = policies.check(
        SHORT, "p.yaml", addresses=[ip_address("203.0.113.2")], secrets=knowledge
    )
    assert {finding.code for finding in result.findings} == {
        "endpoints-exchanged",
        "secret-unavailable",
    }


def test_expanded_is_a_policy_file() -> None:
    text = policies.expanded(SHORT, "p.yaml")
    assert policies.shown(text, "p.yaml").spd == policies.shown(SHORT, "p.yaml").spd
    with pytest.raises(PolicyRefusedError) as caught:
        policies.expanded("x: y\n", "p.yaml")
    assert caught.value.problem.findings[0].line == 1


def test_shown_has_what_will_be_negotiated() -> None:
    result = policies.shown(LONG, "p.yaml")
    (one,) = result.connections
    assert (one.ike_version, one.local, one.remote) == (1, "203.0.113.1", "203.0.113.2")
    assert one.ike[0] == "3des-cbc / hmac-sha1-96 / modp-1024"
    assert one.preshared_key == "branch-office"
    (child,) = one.children
    assert child.esp == ["des-cbc / hmac-md5-96"]
    assert (child.lifetime_seconds, child.lifetime_kilobytes) == (3600, 100_000)
    (entry,) = result.spd
    assert (entry.id, entry.action) == (child.policy_id, "protect")
    assert result.preshared_keys == ["branch-office"]
    modern = policies.shown(SHORT, "p.yaml").connections[0]
    assert modern.ike[0] == "aes-128-gcm / prf-hmac-sha256 / x25519"


def test_shown_refuses_what_does_not_compile() -> None:
    text = SHORT.replace("203.0.113.2", "dns:b.example")
    with pytest.raises(PolicyRefusedError) as caught:
        policies.shown(text, "p.yaml")
    assert caught.value.problem.findings[0].code == "unresolved-name"
    resolved = policies.shown(text, "p.yaml", resolve=lambda _: [ip_address("192.0.2.9")])
    assert resolved.connections[0].remote == "192.0.2.9"


def on_machine(monkeypatch: pytest.MonkeyPatch, *texts: str) -> None:
    found = [LocalAddress(ip_address(text), "eth0") for text in texts]
    monkeypatch.setattr(policies, "local_addresses", lambda _: found)


def test_addresses_are_this_machines_only_on_a_gateway_of_the_policy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_machine(monkeypatch, "203.0.113.2", "10.20.0.1")
    gateway = policies.gateway_addresses(SHORT, "p.yaml", ())
    assert [str(one) for one in gateway] == ["203.0.113.2", "10.20.0.1"]
    on_machine(monkeypatch, "192.0.2.77")
    assert policies.gateway_addresses(SHORT, "p.yaml", ()) == ()
    given = (ip_address("192.0.2.1"),)
    assert policies.gateway_addresses(SHORT, "p.yaml", given) == given


def test_addresses_are_unknown_where_the_system_or_the_policy_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: object) -> list[LocalAddress]:
        raise HostError("no netlink here")

    monkeypatch.setattr(policies, "local_addresses", refuse)
    assert policies.gateway_addresses(SHORT, "p.yaml", ()) == ()
    assert policies.gateway_addresses("x: y", "p.yaml", ()) == ()
