"""What has no effect."""

from __future__ import annotations

import pytest

from gatewright.policy.findings import Severity
from tests.unit.policy.samples import LONG, SHORT, found, one, short


def test_a_policy_without_rules() -> None:
    assert one(found("name: x\n"), "no-rule").severity is Severity.ERROR


def test_a_policy_whose_rules_are_all_disabled() -> None:
    findings = found(short("enabled: no"))
    assert one(findings, "no-rule").severity is Severity.WARNING
    assert one(findings, "disabled").severity is Severity.NOTE


@pytest.mark.parametrize(
    ("section", "what"),
    [
        ("filter_lists: {x: {filters: {source: any, destination: any}}}", "filter list `x`"),
        ("filter_actions: {x: {action: negotiate}}", "filter action `x`"),
        ("key_exchange: {x: {}}", "key exchange `x`"),
    ],
)
def test_what_no_rule_uses(section: str, what: str) -> None:
    finding = one(found(SHORT + section + "\n"), "unused")
    assert finding.severity is Severity.WARNING
    assert what in finding.what
    assert finding.place.line == 7


def test_the_default_key_exchange_is_used_by_rules_that_name_none() -> None:
    assert not [finding for finding in found(LONG) if finding.code == "unused"]


def test_remote_access_only() -> None:
    finding = one(found(short("connection_type: remote-access")), "connection-type")
    assert finding.severity is Severity.NOTE
