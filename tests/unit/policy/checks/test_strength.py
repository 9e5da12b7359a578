"""Weak algorithms, each with its modern alternative."""

from __future__ import annotations

import pytest

from gatewright.iana.algorithms import (
    CIPHERS,
    GROUPS,
    INTEGRITIES,
    PRFS,
    Cipher,
    Group,
    Integrity,
    Prf,
    Strength,
)
from gatewright.policy.checks.strength import _INSTEAD, _WHY
from gatewright.policy.findings import Severity
from tests.unit.policy.samples import codes, found, one, short


def test_the_profile_windows_2003_is_one_warning_with_all_names() -> None:
    finding = one(found(short("profile: windows-2003")), "weak-algorithms")
    assert finding.severity is Severity.WARNING
    assert finding.place.line == 7
    for name in ("des-cbc", "3des-cbc", "hmac-md5-96", "hmac-sha1-96", "modp-768", "modp-1024"):
        assert name in finding.what
    assert "modern" in finding.instead


@pytest.mark.parametrize(
    ("line", "severity", "named", "instead"),
    [
        ("ike: aes-128-cbc / hmac-md5-96 / modp-2048", Severity.WARNING, "hmac-md5-96", "sha256"),
        ("ike: aes-128-gcm / prf-hmac-md5 / x25519", Severity.WARNING, "prf-hmac-md5", "sha256"),
        ("ike: aes-128-gcm / prf-hmac-sha256 / modp-1024", Severity.WARNING, "modp-1024", "x25519"),
        ("ike: aes-128-gcm / prf-hmac-sha256 / modp-1536", Severity.NOTE, "modp-1536", "x25519"),
        ("esp: null / hmac-sha256-128 / x25519", Severity.WARNING, "null", "aes-128-gcm"),
        ("esp: des-cbc / hmac-sha256-128 / x25519", Severity.WARNING, "des-cbc", "aes-128-gcm"),
        ("esp: aes-128-cbc / hmac-sha1-96 / x25519", Severity.NOTE, "hmac-sha1-96", "sha256"),
    ],
)
def test_a_weak_algorithm_that_is_written_out(
    line: str, severity: Severity, named: str, instead: str
) -> None:
    text = short("algorithms:", f"  {line}")
    code = "weak-algorithms" if severity is Severity.WARNING else "old-algorithms"
    finding = one(found(text), code)
    assert finding.severity is severity
    assert finding.place.line == 8
    assert named in finding.what
    assert named in finding.why
    assert instead in finding.instead


def test_nothing_is_said_about_modern_algorithms() -> None:
    text = short("algorithms: {esp: aes-256-gcm / ecp-384}")
    assert codes(found(text)) == set()


def test_each_algorithm_that_is_not_modern_has_a_reason_and_an_alternative() -> None:
    rows: tuple[Cipher | Integrity | Prf | Group, ...] = (*CIPHERS, *INTEGRITIES, *PRFS, *GROUPS)
    weak = {row.name for row in rows if row.strength is not Strength.MODERN}
    assert weak == set(_INSTEAD) == set(_WHY)
