"""Findings: how they read, and in which order they stand."""

from __future__ import annotations

from gatewright.policy.findings import NOWHERE, Place, PolicyError, error, in_order, note, warning

FIRST, SECOND = Place("p.yaml", 3), Place("p.yaml", 7)


def test_a_finding_says_where_what_why_and_what_instead() -> None:
    finding = error("mirrored", FIRST, "the filter is mirrored", "it is a tunnel", "write no")
    assert str(finding) == (
        "p.yaml:3: error: the filter is mirrored [mirrored]\n"
        "  why: it is a tunnel\n"
        "  instead: write no"
    )
    assert str(note("x", FIRST, "what", "", "")) == "p.yaml:3: note: what [x]"


def test_they_stand_by_line_the_graver_first_and_each_once() -> None:
    late = error("a", SECOND, "w", "y", "i")
    remark = note("b", FIRST, "w", "y", "i")
    grave = error("c", FIRST, "w", "y", "i")
    mild = warning("d", FIRST, "w", "y", "i")
    assert in_order([late, remark, mild, grave, late]) == (grave, mild, remark, late)


def test_a_policy_error_has_them_all_in_its_message() -> None:
    problem = PolicyError([error("b", SECOND, "two", "", ""), error("a", FIRST, "one", "", "")])
    assert str(problem) == "p.yaml:3: error: one [a]\np.yaml:7: error: two [b]"
    assert [finding.code for finding in problem.findings] == ["a", "b"]
    assert NOWHERE.line == 0
