"""YAML to a bounded tree: every document ends in a tree or in one PolicyError."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.policy import yaml_tree
from gatewright.policy.findings import Finding, PolicyError
from gatewright.policy.yaml_tree import Mapping, Scalar, Sequence, parse_tree


def refusal(text: str) -> Finding:
    with pytest.raises(PolicyError) as caught:
        parse_tree(text, "p.yaml")
    assert len(caught.value.findings) == 1
    return caught.value.findings[0]


def test_scalars_stay_text_with_their_lines() -> None:
    tree = parse_tree("a: no\nb:\n  - 0x10\n  - '1e3'\n", "p.yaml")
    (key, value), (_, listed) = tree.entries
    assert (key.text, key.place.line) == ("a", 1)
    assert value == Scalar("no", True, value.place)
    assert isinstance(listed, Sequence)
    first, second = listed.items
    assert isinstance(first, Scalar)
    assert isinstance(second, Scalar)
    assert (first.text, first.plain, first.place.line) == ("0x10", True, 3)
    assert (second.text, second.plain, second.place.line) == ("1e3", False, 4)


def test_duplicate_keys_are_kept_for_the_reader_to_refuse() -> None:
    tree = parse_tree("a: 1\na: 2\n", "p.yaml")
    assert [key.text for key, _ in tree.entries] == ["a", "a"]


def test_an_alias_repeats_its_anchor() -> None:
    tree = parse_tree("a: &n [x]\nb: *n\n", "p.yaml")
    assert tree.entries[0][1] == tree.entries[1][1]


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("", 1, "empty"),
        ("# nothing\n", 1, "empty"),
        ("- a\n", 1, "not a mapping"),
        ("just text\n", 1, "not a mapping"),
        ("a: 1\n---\nb: 2\n", 2, "second YAML document"),
        ("a: 1\nb: !!python/object:os.system x\n", 2, "tag"),
        ("a: !secret x\n", 1, "tag"),
        ("a: 1\nb: *missing\n", 2, "no anchor"),
        ("a: &a [*a]\n", 1, "no anchor"),
        ("[x]: 1\n", 1, "key is a list"),
        ("a: 1\n\tb: 2\n", 2, "not YAML"),
        ("a: [1, 2\n", 2, "not YAML"),
        ("a: 'x\n", 2, "not YAML"),
        ("a: \x00\n", 1, "not YAML"),
        ('a: "\\UFFFFFFFF"\n', 1, "not YAML"),
        ("%YAML 99.1\n---\na: 1\n", 1, "not YAML"),
    ],
)
def test_what_is_refused_says_where_and_what(text: str, line: int, word: str) -> None:
    finding = refusal(text)
    assert word in finding.what
    assert finding.place.line == line
    assert finding.instead


def test_depth_is_bounded() -> None:
    assert "deeper" in refusal("a: " + "[" * 10_000 + "]" * 10_000).what


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_tree, "MAX_CHARACTERS", 10)
    assert "characters" in refusal("a: " + "x" * 10).what


def test_a_bomb_of_aliases_is_refused_by_its_expanded_size() -> None:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 10):
        previous = ", ".join([f"*l{level - 1}"] * 10)
        lines.append(f"l{level}: &l{level} [{previous}]")
    assert "aliases expanded" in refusal("\n".join(lines)).what


def test_the_number_of_values_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_tree, "MAX_NODES", 50)
    assert "more than 50 values" in refusal("a: [" + "x, " * 60 + "]").what


def outcome(text: str) -> Mapping | tuple[Finding, ...]:
    try:
        return parse_tree(text, "p.yaml")
    except PolicyError as error:
        return error.findings


PIECES = [
    *":[]{}'\"#|>%?,~\t\n -",
    "a",
    "&x",
    "*x",
    "!t",
    "---",
    "...",
    "\\x",
    "\u2028",
    "\ufeff",
    "<<",
]


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.text(max_size=200))
def test_any_text_gives_a_tree_or_one_error(text: str) -> None:
    result = outcome(text)
    assert isinstance(result, Mapping) or (result and all(one.place.line >= 1 for one in result))
