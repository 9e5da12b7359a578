"""The verdict on a value."""

from __future__ import annotations

import pytest
from bench.claims import Claim, Form, Mark


@pytest.mark.parametrize(
    ("value", "mark"),
    [(0.56, Mark.AIM), (0.55, Mark.AIM), (0.54, Mark.PASS), (0.40, Mark.PASS), (0.39, Mark.BELOW)],
)
def test_more_is_better(value: float, mark: Mark) -> None:
    assert Claim("work", "against", value, floor=0.40, aim=0.55).mark is mark


@pytest.mark.parametrize(("value", "mark"), [(90, Mark.AIM), (140, Mark.PASS), (151, Mark.BELOW)])
def test_less_is_better(value: float, mark: Mark) -> None:
    claim = Claim("work", "against", value, floor=150, aim=100, lower_is_better=True)
    assert claim.mark is mark


def test_without_a_floor_it_is_stated_and_without_a_value_it_is_missing() -> None:
    assert Claim("work", "against", 0.2).mark is Mark.STATED
    assert Claim("work", "against", None, floor=6.0).mark is Mark.MISSING


def test_values_are_written_with_their_unit() -> None:
    assert Form.MICROSECONDS.write(1234.4) == "1,234 µs"
    assert Form.RATIO.write(0.456) == "0.46"
    assert Form.RATIO.write(None) == ""
