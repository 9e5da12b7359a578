"""Missing perfect forward secrecy is a note."""

from __future__ import annotations

from gatewright.policy.findings import Severity
from tests.unit.policy.samples import LONG, codes, edited, found, one, short


def test_session_keys_without_it() -> None:
    finding = one(found(short("pfs: no")), "no-pfs")
    assert finding.severity is Severity.NOTE
    assert "pfs: yes" in finding.instead
    assert one(found(short("algorithms:", "  esp: [aes-256-gcm]")), "no-pfs").place.line == 8
    assert "no-pfs" in codes(found(LONG))


def test_with_it_nothing_is_said() -> None:
    assert found(short("pfs: ecp-384")) == ()
    text = edited(LONG, ("action: negotiate", "action: negotiate\n    session_key_pfs: yes"))
    assert "no-pfs" not in codes(found(text))
    assert "no-pfs" not in codes(found(short("profile: windows-2003")))
