"""Names that rules use have to exist; the nearest one is suggested."""

from __future__ import annotations

import pytest

from gatewright.policy.compiled import IkeVersion
from gatewright.policy.references import BUILT_IN_ACTIONS, built_in_key_exchange
from tests.unit.policy.samples import LONG, compiled, edited, line_of, refusal

ACTION = '    filter_action: "IPSec tunnel: ESP DES/MD5"\n    tunnel_endpoint: 203.0.113.2'


@pytest.mark.parametrize(
    ("old", "new", "what", "instead"),
    [
        ("list: NetA to NetB", "list: NetA to NetC", "filter list", "`NetA to NetB`"),
        (ACTION, ACTION.replace('"IPSec tunnel: ESP DES/MD5"', "permt"), "action", "`permit`"),
        (ACTION, ACTION + "\n    key_exchange: zzz", "key exchange", "the policy has default"),
    ],
)
def test_a_name_that_is_not_there(old: str, new: str, what: str, instead: str) -> None:
    text = edited(LONG, (old, new))
    finding = refusal(text)
    assert finding.code == "unknown-reference"
    assert finding.place.line == line_of(text, "rules:") + 1
    assert what in finding.what
    assert instead in finding.instead


def test_permit_and_block_are_there_by_themselves() -> None:
    assert set(BUILT_IN_ACTIONS) == {"permit", "block"}


def test_rules_that_name_no_key_exchange_take_the_default_or_modern() -> None:
    modern = edited(LONG, ("key_exchange:\n  default: {profile: windows-2003}\n", ""))
    assert compiled(modern).connections[0].version is IkeVersion.V2
    assert compiled(LONG).connections[0].version is IkeVersion.V1
    assert built_in_key_exchange().profile == "modern"
