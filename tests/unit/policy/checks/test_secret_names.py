"""Preshared keys by name."""

from __future__ import annotations

from gatewright.policy.checks.run import check_policy
from gatewright.policy.checks.view import SecretKnowledge
from gatewright.policy.findings import Finding, Severity
from gatewright.policy.load import load_policy
from tests.unit.policy.samples import SHORT, found, one, tunnel


def check(text: str, *names: str) -> tuple[Finding, ...]:
    known = frozenset(names)
    knowledge = SecretKnowledge(lambda name: None if name in known else "it is not there", known)
    return check_policy(load_policy(text, "p.yaml"), secrets=knowledge)


def test_a_key_that_is_missing() -> None:
    finding = one(check(SHORT, "branch-ofice"), "secret-unavailable")
    assert finding.severity is Severity.ERROR
    assert finding.why == "it is not there"
    assert "`branch-ofice`" in finding.instead
    assert "provide the key" in one(check(SHORT), "secret-unavailable").instead


def test_a_key_that_is_there() -> None:
    assert check(SHORT, "branch-office") == ()


def test_without_knowledge_nothing_is_said() -> None:
    assert found(SHORT) == ()


def test_one_key_for_two_peers() -> None:
    second = tunnel("b", "192.168.10.0/24", "10.21.0.0/24", peer="203.0.113.9")
    text = SHORT + second.replace("preshared_key: b", "preshared_key: branch-office")
    finding = one(found(text), "shared-secret")
    assert finding.severity is Severity.NOTE
