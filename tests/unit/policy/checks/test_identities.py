"""Identities that conflict."""

from __future__ import annotations

from gatewright.policy.findings import Severity
from tests.unit.policy.samples import SHORT, codes, edited, found, one, short, tunnel

NAMED = edited(SHORT, ("endpoint: 203.0.113.2", "endpoint: 203.0.113.2, identity: gw.example"))


def test_both_gateways_with_one_identity() -> None:
    text = edited(NAMED, ("endpoint: 203.0.113.1", "endpoint: 203.0.113.1, identity: gw.example"))
    assert one(found(text), "same-identity").severity is Severity.ERROR


def test_one_identity_at_two_addresses() -> None:
    second = tunnel("b", "192.168.10.0/24", "10.21.0.0/24", peer="203.0.113.9")
    second = second.replace("endpoint: 203.0.113.9", "endpoint: 203.0.113.9, identity: gw.example")
    finding = one(found(NAMED + second), "identity-twice")
    assert finding.severity is Severity.ERROR
    assert "p.yaml:3" in finding.instead


def test_names_are_fine_with_ikev2_and_a_note_with_ikev1() -> None:
    assert found(NAMED) == ()
    text = short("profile: windows-2003", text=NAMED)
    assert one(found(text), "ikev1-identity").severity is Severity.NOTE
    assert "ikev1-identity" not in codes(found(short("profile: windows-2003")))
