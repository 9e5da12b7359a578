from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gatewright.policy import yaml_events
from gatewright.policy.findings import PolicyError
from gatewright.policy.yaml_events import Event, events

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
# What YAML's two versions could read differently is made of these.
PIECES = (
    "a", "b: ", ":", "::", "- ", "-", "[", "]", "{", "}", ", ", ",", "\n", "\n  ", " ", "#", " # c",
    "'", '"', "&a ", "*a", "!", "!!int ", "|", ">", "%", "? ", "@", "`", "~", "\t", "\\",
    "1.2.3.0/24", "fd00::/8", "::1", "---\n", "...\n", "<<: ", "=", "é", "\x85",
)  # fmt: skip


def told(read: Callable[[str, str], list[Event]], text: str) -> list[Event] | str:
    """What is read, or what is wrong."""
    try:
        return [
            replace(each, line=0) if is_nowhere(each) else each for each in read(text, "p.yaml")
        ]
    except PolicyError as refusal:
        return refusal.findings[0].what


def is_nowhere(event: Event) -> bool:
    """Nothing asks on which line something ends; a value that is missing has none."""
    return event.name.endswith("EndEvent") or (event.plain and not event.text)


def test_libyaml_is_here() -> None:
    assert yaml.__with_libyaml__, "thirty times as slow without"


@settings(max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@example("a: [0.0.0.0/0, ::/0]")
@example("a: [::1, fd00::]")
@example("a: {b: ::}")
@example("a: \t1")
@example("? a")
@example("a: |#")
def test_libyaml_reads_what_ruamel_does(text: str) -> None:
    assert told(events, text) == told(yaml_events._ruamels, text)


@pytest.mark.parametrize("networks", ["[0.0.0.0/0, ::/0]", "[::1, fd00::]", "[\n  ::/0 ]"])
def test_ipv6_needs_no_quotes_in_brackets(networks: str) -> None:
    read = events(f"networks: {networks}", "p.yaml")
    scalars = [each.text for each in read if each.name == "ScalarEvent"]
    assert scalars == ["networks", *networks.strip("[\n ]").split(", ")]


def test_policies_are_read_by_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_events, "_ruamels", None)
    for example_policy in sorted(EXAMPLES.glob("*.yaml")):
        assert len(events(example_policy.read_text(), example_policy.name)) > 20


def test_libyaml_is_not_asked_for_directives(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object, **__: object) -> None:
        raise AssertionError("its time grows with the square of their number")

    monkeypatch.setattr(yaml, "parse", asked)
    assert len(events("%TAG !a! x\n--- a\n", "p.yaml")) == 5
