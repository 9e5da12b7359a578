"""The two sides of one tunnel."""

from __future__ import annotations

import pytest

from gatewright.policy.findings import Severity
from tests.unit.policy.samples import SHORT, codes, edited, found, one


def sides(local: str, remote: str) -> str:
    return edited(SHORT, ("192.168.10.0/24", local), ("10.20.0.0/24", remote))


@pytest.mark.parametrize(
    ("local", "remote", "code", "severity"),
    [
        ("10.1.0.0/16", "10.0.0.0/8", "local-in-remote", Severity.WARNING),
        ("10.1.0.0/16", "any", "local-in-remote", Severity.WARNING),
        ("10.0.0.0/8", "10.1.0.0/16", "remote-in-local", Severity.WARNING),
        ("10.0.0.0/8", "10.0.0.0/8", "same-network-on-both-sides", Severity.ERROR),
        ('"10.0.0.0/8", "fd00::/64"', "10.0.0.0/9", "no-counterpart", Severity.ERROR),
    ],
)
def test_networks_that_do_not_go_together(
    local: str, remote: str, code: str, severity: Severity
) -> None:
    finding = one(found(sides(local, remote)), code)
    assert finding.severity is severity


def test_a_permit_rule_keeps_local_traffic_out_of_the_tunnel() -> None:
    text = (
        sides("10.1.0.0/16", "10.0.0.0/8")
        + """\
filter_lists: {l: {filters: {source: 10.1.0.0/16, destination: 10.1.0.0/16}}}
rules: {local traffic: {filter_list: l, filter_action: permit}}
"""
    )
    assert "local-in-remote" not in codes(found(text))


def test_a_head_office_may_offer_everything() -> None:
    assert found(sides("any", "10.20.0.0/24")) == ()
