"""Actions that admit clear traffic."""

from __future__ import annotations

import pytest

from gatewright.policy.findings import Severity
from tests.unit.policy.samples import LONG, codes, edited, found, one


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("accept_unsecured", "accepts-clear-text"),
        ("allow_fallback", "falls-back-to-clear-text"),
    ],
)
def test_a_tunnels_action_may_not_admit_clear_text(key: str, code: str) -> None:
    text = edited(LONG, ("action: negotiate", f"action: negotiate\n    {key}: yes"))
    finding = one(found(text), code)
    assert finding.severity is Severity.ERROR
    assert finding.place.line == 10
    assert f"remove `{key}`" in finding.instead
    assert code not in codes(found(text.replace(f"{key}: yes", f"{key}: no")))
