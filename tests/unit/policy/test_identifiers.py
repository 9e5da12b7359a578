"""Stable numbers of SPD entries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.policy import identifiers
from gatewright.policy.compiled import Action, SpdEntry
from gatewright.policy.identifiers import LARGEST, numbered


def entry(name: str) -> SpdEntry:
    return SpdEntry(0, name, Action.DISCARD, (), ())


@given(st.lists(st.text(max_size=5), unique=True))
def test_a_number_depends_on_the_entry_alone(names: list[str]) -> None:
    entries = [entry(name) for name in names]
    numbers = {one.name: one.id for one in numbered(entries)}
    assert len(set(numbers.values())) == len(names)
    assert all(1 <= number <= LARGEST for number in numbers.values())
    for one in entries:
        assert numbered([one])[0].id == numbers[one.name]


def test_numbers_stay_over_versions_of_the_program() -> None:
    assert numbered([entry("x")])[0].id == 370894514


def test_collisions_are_resolved_the_same_way_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identifiers, "LARGEST", 7)
    names = ["a", "b", "c", "d", "e"]
    forwards = {one.name: one.id for one in numbered(entry(name) for name in names)}
    backwards = {one.name: one.id for one in numbered(entry(name) for name in reversed(names))}
    assert forwards == backwards
    assert len(set(forwards.values())) == 5
