"""Lifetimes out of range."""

from __future__ import annotations

import pytest

from gatewright.policy.findings import Severity
from tests.unit.policy.samples import codes, found, one, short


@pytest.mark.parametrize(
    ("lifetimes", "what"),
    [
        ("{ike: 5m, esp: 5m}", "IKE SA"),
        ("{ike: 30d}", "IKE SA"),
        ("{esp: 1m}", "session keys"),
        ("{esp: 2d, ike: 2d}", "session keys"),
        ("{esp_kilobytes: 100}", "after 100 KB"),
    ],
)
def test_out_of_range(lifetimes: str, what: str) -> None:
    finding = one(found(short(f"lifetimes: {lifetimes}")), "lifetime")
    assert finding.severity is Severity.WARNING
    assert what in finding.what


def test_session_keys_that_outlive_the_ike_sa() -> None:
    finding = one(found(short("lifetimes: {ike: 1h, esp: 2h}")), "lifetime")
    assert finding.severity is Severity.NOTE


def test_in_range() -> None:
    assert found(short("lifetimes: {ike: 24h, esp: 8h, esp_kilobytes: 500000}")) == ()


@pytest.mark.parametrize(("limit", "said"), [("0", True), ("2000000", True), ("100000", False)])
def test_small_blocks_need_a_limit_in_kilobytes(limit: str, said: bool) -> None:
    text = short("profile: windows-2003", f"lifetimes: {{esp_kilobytes: {limit}}}")
    assert ("lifetime" in codes(found(text))) is said
