"""Sections: unknown, duplicate and missing keys, with the line and the nearest right key."""

from __future__ import annotations

import pytest

from gatewright.policy.findings import PolicyError
from gatewright.policy.load import load_policy
from gatewright.policy.reading import MAX_MISTAKES, nearest, shown
from tests.unit.policy.samples import LONG, SHORT, edited, line_of, refusal, refused, short


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("ikeversion: 2", "`ike_version`"),
        ("ike-version: 2", "`ike_version`"),
        ("algoritms: {}", "`algorithms`"),
        ("psk: x", "`preshared_key` is a key of `authentication`"),
        ("left: x", "`local`"),
        ("auto: x", "`start`"),
        ("Start: always", "`start`"),
        ("endpoint: 192.0.2.1", "key of `local` and `remote`"),
        ("mirrored: no", "key of a filter"),
        ("zzz: 1", "its keys are local"),
    ],
)
def test_an_unknown_key_is_an_error_with_its_line_and_the_nearest_key(
    line: str, instead: str
) -> None:
    text = short(line)
    finding = refusal(text)
    assert finding.code == "unknown-key"
    assert finding.place.line == line_of(text, line)
    assert instead in finding.instead
    assert "branch office" in finding.what


def test_unknown_keys_at_the_top_and_inside() -> None:
    assert "`tunnels`" in refusal(SHORT + "tunels: {}\n").instead
    inside = edited(SHORT, ("{preshared_key: branch-office}", "{psk: branch-office}"))
    findings = refused(inside)
    assert {finding.code for finding in findings} == {"unknown-key", "missing-key"}
    assert any("`preshared_key`" in finding.instead for finding in findings)


def test_a_duplicate_key_names_both_lines() -> None:
    finding = refusal(short("start: always", "start: always", text=SHORT))
    assert finding.code == "duplicate-key"
    assert finding.place.line == 8
    assert "line 7" in finding.why


def test_a_duplicate_name_is_a_duplicate_key() -> None:
    text = SHORT + SHORT.partition("tunnels:\n")[2]
    finding = refusal(text)
    assert finding.code == "duplicate-key"
    assert "branch office" in finding.what


def test_a_missing_key_is_named() -> None:
    text = edited(SHORT, ("    authentication: {preshared_key: branch-office}\n", ""))
    finding = refusal(text)
    assert finding.code == "missing-key"
    assert "authentication" in finding.what
    assert finding.place.line == line_of(text, "branch office:")


@pytest.mark.parametrize(
    "text",
    [
        "tunnels: x\n",
        "tunnels: [a, b]\n",
        "tunnels: {a: x}\n",
        "tunnels: {a: [x]}\n",
        "filter_lists: 3\n",
        "rules: {a: b}\n",
        "interfaces: x\n",
    ],
)
def test_a_section_of_the_wrong_shape(text: str) -> None:
    assert any(finding.code == "wrong-type" for finding in refused(text))


@pytest.mark.parametrize("name", ["' x'", '"a\\tb"', "''", "x" * 81, '"\\u202Eevil"'])
def test_a_name_that_cannot_be_shown(name: str) -> None:
    codes = [finding.code for finding in refused(edited(SHORT, ("branch office", name)))]
    assert codes == ["bad-name"]


def test_every_mistake_is_reported_at_once() -> None:
    text = edited(
        LONG,
        ("tunnel_endpoint: 203.0.113.2", "tunnel_endpoint: 203.0.113"),
        ("lifetime: 3600", "lifetime: soon"),
        ("  default: {profile: windows-2003}", "  default: {profile: windows}"),
    )
    assert [finding.place.line for finding in refused(text)] == [
        line_of(text, "lifetime: soon"),
        line_of(text, "profile: windows"),
        line_of(text, "tunnel_endpoint: 203.0.113.1") - 5,
    ]


def test_the_number_of_reported_mistakes_is_bounded() -> None:
    text = "tunnels:\n" + "".join(f"  t{n}: {{}}\n" for n in range(1000))
    with pytest.raises(PolicyError) as caught:
        load_policy(text, "p.yaml")
    assert len(caught.value.findings) == MAX_MISTAKES


def test_text_of_the_file_is_shown_short_and_without_control_characters() -> None:
    assert shown("a\x1b[31m") == "`a?[31m`"
    assert len(shown("x" * 1000)) < 70
    assert nearest("tunels", ["tunnels", "rules"]) == "tunnels"
    assert nearest("zzz", ["tunnels", "rules"]) is None
