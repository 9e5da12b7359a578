"""All checks together: quiet for a good policy, and never an exception."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.policy.checks.run import check_policy
from gatewright.policy.compile import compile_policy
from gatewright.policy.findings import Finding, PolicyError, Severity
from gatewright.policy.load import load_policy
from tests.unit.policy.samples import (
    LONG,
    SHORT,
    addresses,
    codes,
    edited,
    found,
    one,
    tunnel,
)
from tests.unit.policy.strategies import policies


def test_there_is_nothing_to_say_about_a_good_policy() -> None:
    assert found(SHORT) == ()
    assert found(SHORT, "203.0.113.1", "192.168.10.1") == ()
    assert found(SHORT + tunnel("b", "192.168.10.0/24", "10.9.0.0/16", peer="203.0.113.9")) == ()


def test_the_articles_policy_has_warnings_and_no_error() -> None:
    findings = found(LONG, "203.0.113.1", "192.168.10.1")
    assert {finding.severity for finding in findings} == {Severity.WARNING, Severity.NOTE}
    assert codes(findings) == {"weak-algorithms", "no-pfs"}


def test_what_only_the_gateway_knows_is_a_note_elsewhere() -> None:
    text = edited(SHORT, ("203.0.113.2", "dns:b.example"))
    assert one(found(text), "unresolved-name").severity is Severity.NOTE
    findings = check_policy(load_policy(text, "p.yaml"), addresses("203.0.113.1"), lambda _: [])
    assert one(findings, "unresolved-name").severity is Severity.ERROR


def test_findings_stand_in_the_order_of_the_file() -> None:
    findings = found(LONG)
    assert list(findings) == sorted(findings, key=lambda f: f.place)


def every_finding(text: str) -> tuple[Finding, ...]:
    try:
        return check_policy(load_policy(text, "p.yaml"))
    except PolicyError as error:
        return error.findings


def compile_errors(text: str) -> set[str]:
    try:
        compile_policy(load_policy(text, "p.yaml"), [])
    except PolicyError as error:
        return {one.code for one in error.findings}
    return set()


@given(policies())
def test_each_finding_says_where_why_and_what_instead(text: str) -> None:
    findings = every_finding(text)
    for finding in findings:
        assert 1 <= finding.place.line <= len(text.splitlines())
        assert finding.what
        assert finding.why
        assert finding.instead
        assert str(finding).isprintable() or "\n" in str(finding)
    assert compile_errors(text) <= codes(findings)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A policy with a few of its lines dropped, doubled, cut or exchanged."""
    lines = draw(policies() | st.just(LONG)).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        index = draw(st.integers(0, len(lines) - 1))
        line = lines[index]
        what = draw(st.sampled_from(["drop", "double", "cut", "insert", "swap", "indent"]))
        if what == "drop" and len(lines) > 1:
            del lines[index]
        elif what == "double":
            lines.insert(index, line)
        elif what == "cut":
            lines[index] = line[: draw(st.integers(0, len(line)))]
        elif what == "insert":
            at = draw(st.integers(0, len(line)))
            piece = draw(st.text(":[]{}&*!-#'\"\\ \t/|0.", max_size=4) | st.text(max_size=3))
            lines[index] = line[:at] + piece + line[at:]
        elif what == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[index], lines[other] = lines[other], line
        else:
            lines[index] = "  " + line
    return "\n".join(lines)


@settings(max_examples=200)
@given(damaged())
def test_a_damaged_policy_gives_findings_and_no_exception(text: str) -> None:
    for finding in every_finding(text):
        assert finding.what
        assert finding.place.line >= 1


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["tunnels", "rules", "filters", "filter_lists", "filter_actions", "local",
                         "key_exchange", "source", "a", "dpd", "algorithms", "networks", "remote",
                         "authentication", "security_methods", "esp", "interfaces"]),
        inner, max_size=5),
    max_leaves=30,
))  # fmt: skip
def test_any_tree_gives_findings_and_no_exception(tree: object) -> None:
    for finding in every_finding(json.dumps(tree)):
        assert finding.what
