"""The table of keys, the reference for people, and the examples say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewright.iana.algorithms import (
    CIPHER_BY_NAME,
    GROUP_BY_NAME,
    INTEGRITY_BY_NAME,
    PRF_BY_NAME,
)
from gatewright.policy.checks.run import check_policy
from gatewright.policy.findings import Severity
from gatewright.policy.load import load_policy
from gatewright.policy.schema import OTHER_WORDS, PLACES, SECTIONS

DOCS = Path(__file__).parents[3] / "docs"
REFERENCE = (DOCS / "policy-file.md").read_text(encoding="utf-8")
EXAMPLES = sorted((DOCS / "examples").glob("*.yaml"))


@pytest.mark.parametrize("section", SECTIONS)
def test_the_reference_has_each_key_with_its_meaning_and_default(section: str) -> None:
    rows = [
        f"| `{name}` | {key.meaning} | {key.default} |" for name, key in SECTIONS[section].items()
    ]
    assert "\n".join(rows) in REFERENCE


def test_the_reference_has_each_algorithm() -> None:
    for table in (CIPHER_BY_NAME, INTEGRITY_BY_NAME, PRF_BY_NAME, GROUP_BY_NAME):
        for name in table:
            assert f"`{name}`" in REFERENCE


def test_other_words_lead_to_keys() -> None:
    keys = {key for section in SECTIONS.values() for key in section}
    assert set(OTHER_WORDS.values()) <= keys
    assert set(PLACES) == set(SECTIONS)


def blocks() -> list[str]:
    """The policies that the reference shows."""
    parts = REFERENCE.split("```yaml\n")[1:]
    texts = [part.partition("```")[0] for part in parts]
    return [text for text in texts if not text.startswith("algorithms:")]


@pytest.mark.parametrize("text", blocks())
def test_the_policies_of_the_reference_load(text: str) -> None:
    findings = check_policy(load_policy(text, "policy-file.md"))
    assert not [one for one in findings if one.severity is Severity.ERROR]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_have_no_error(path: Path) -> None:
    findings = check_policy(load_policy(path.read_text(encoding="utf-8"), path.name))
    assert not [one for one in findings if one.severity is Severity.ERROR]


def test_the_ten_line_policy_leaves_nothing_to_say() -> None:
    text = (DOCS / "examples" / "branch-office.yaml").read_text(encoding="utf-8")
    assert check_policy(load_policy(text, "x")) == ()
    assert len(text.splitlines()) <= 10
