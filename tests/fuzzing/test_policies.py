"""Broken policies, made from good ones and from nothing: an error with file and line, or a policy
that can be shown, compiled and written again; never another exception."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.control.policies import PolicyRefusedError, check, expanded, shown
from gatewright.lab.policies import TunnelText, article_policy
from gatewright.lab.world import IPV4, IPV6

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
GOOD = [
    *(path.read_text() for path in sorted(EXAMPLES.glob("*.yaml"))),
    str(TunnelText(IPV4.a, IPV4.b)),
    str(TunnelText(IPV6.a, IPV6.b, settings={"ike_version": "1", "profile": "windows-2003"})),
    article_policy(IPV4.a, IPV4.b),
]
NASTY = [
    "", "~", "null", "no", "0", "-1", "1e999", ".inf", "9" * 400, "0x10", "0b1", "''", '"\\x00"',
    '"\\ud800"', "[]", "{}", "[[]]", "{a: {b: c}}", "*x", "&x y", "!!python/object:os.system x",
    "!!binary aGk=", "? x", "- x", "|", ">-\n  x", "any", "10.0.0.0/0", "10.0.0.1/24", "::/0",
    "0.0.0.0", "255.255.255.255", "10.0.0.0/33", "10.0.0.9-10.0.0.1", "dns:", "dns:-", "@", "x@",
    "fqdn:", "key-id:0", "key-id:zz", "aes-128-gcm", "aes-128-gcm + ", "/", " / / / ", "tcp/0",
    "1h", "-1h", "1w", "99999999d", "0s", "../../etc/passwd", "a b", "\u202e", "\u0661", "%s",
]  # fmt: skip


def examine(text: str) -> None:
    """Everything that front-ends do with a text."""
    result = check(text, "policy.yaml")
    for finding in result.findings:
        assert finding.file == "policy.yaml"
        assert 1 <= finding.line <= text.count("\n") + text.count("\r") + 2
        assert finding.what
        if finding.severity == "error":
            assert finding.instead or finding.why
    assert result.ok == (result.errors == 0)
    try:
        shown(text, "policy.yaml")
        again = expanded(text, "policy.yaml")
    except PolicyRefusedError:
        return
    assert expanded(again, "policy.yaml") == again, "what was written reads otherwise"


@pytest.mark.parametrize("text", GOOD)
def test_good_ones_are_good(text: str) -> None:
    assert check(text, "policy.yaml").ok
    examine(text)


def mutated(seed: int) -> str:
    """A good policy with a few changes, to characters, words, lines or indentation."""
    source = random.Random(seed)
    text = source.choice(GOOD)
    for _ in range(source.choice((1, 1, 1, 2, 5))):
        lines = text.split("\n")
        place = source.randrange(len(lines))
        match source.randrange(8):
            case 0:
                del lines[place]
            case 1:
                lines.insert(place, source.choice(lines))
            case 2:
                lines[place] = " " * source.randrange(9) + lines[place].lstrip()
            case 3:
                key, colon, _ = lines[place].partition(":")
                lines[place] = f"{key}{colon} {source.choice(NASTY)}"
            case 4:
                words = lines[place].split(" ")
                words[source.randrange(len(words))] = source.choice(NASTY)
                lines[place] = " ".join(words)
            case 5:
                position = source.randrange(len(lines[place]) + 1)
                character = source.choice("{}[]:,#&*!|>'\"%@`-?\t \u00e9\u2028\x07")
                lines[place] = lines[place][:position] + character + lines[place][position:]
            case 6:
                position = source.randrange(len(lines[place]) + 1)
                lines[place] = lines[place][:position] + lines[place][position + 1 :]
            case _:
                other = source.randrange(len(lines))
                lines[place], lines[other] = lines[other], lines[place]
        text = "\n".join(lines)
    return text


@pytest.mark.parametrize("start", range(0, 300, 100))
def test_mutations_of_good_ones(start: int) -> None:
    refused = 0
    for seed in range(start, start + 100):
        text = mutated(seed)
        try:
            examine(text)
        except Exception as error:
            error.add_note(f"seed {seed}:\n{text}")
            raise
        refused += not check(text, "policy.yaml").ok
    assert refused > 30, "the mutations are too tame"


@pytest.mark.parametrize("value", NASTY)
def test_a_nasty_value_in_every_place_of_the_short_form(value: str) -> None:
    for key in ("endpoint", "networks", "preshared_key", "identity", "name", "profile", "esp"):
        text = str(
            TunnelText(
                IPV4.a, IPV4.b, local_identity="fqdn:a.example", settings={"profile": "modern"}
            )
        )
        text += "    esp: [aes-128-gcm]\nname: x\n"
        lines = [
            f"{line.partition(key + ':')[0]}{key}: {value}" if f"{key}:" in line else line
            for line in text.splitlines()
        ]
        examine("\n".join(lines))


KEYS = st.sampled_from(
    [
        *("tunnels", "rules", "filter_lists", "filter_actions", "key_exchange", "interfaces"),
        *("name", "local", "remote", "endpoint", "networks", "authentication", "preshared_key"),
        *("profile", "ike", "esp", "lifetimes", "dpd", "x"),
    ]
)
TREES = st.recursive(
    st.sampled_from(NASTY) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


def flow(tree: object) -> str:
    """A tree in YAML's flow style."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {flow(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(flow, tree)) + "]"
    return str(tree)


@settings(max_examples=150)
@given(st.dictionaries(KEYS, TREES, max_size=5))
def test_known_keys_in_wrong_places(tree: dict[str, object]) -> None:
    examine("\n".join(f"{key}: {flow(value)}" for key, value in tree.items()))


@settings(max_examples=150)
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    examine(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "empty"),
        ("a: &a [*a]", "no anchor above"),
        ("a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n"
            for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        ), "aliases expanded"),
        ("{" * 100_000, "nests deeper"),
        ("- " * 100_000, "nests deeper"),
        ("x" * 5_000_000, "5000000 characters"),
        ("---\na: 1\n---\nb: 2", "second YAML document"),
        ("name: \0", "not YAML"),
        ("!!python/object/apply:os.system [id]", "tag"),
    ],
)  # fmt: skip
def test_documents_that_want_to_harm(text: str, what: str) -> None:
    (finding,) = check(text, "policy.yaml").findings
    assert what in finding.what
    assert finding.severity == "error"
