"""Rekeys come before the end, and not in step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.ike.machine import Timing
from gatewright.ike.v2.lifetimes import next_attempt, soft_limit


@given(st.floats(1, 1e9), st.binary(min_size=4, max_size=4))
def test_the_soft_limit_lies_at_85_to_90_percent(limit: float, chance: bytes) -> None:
    soft = soft_limit(limit, limit / 10, Timing(), lambda _: chance)
    assert 0.8499 * limit <= soft <= 0.9001 * limit


def test_chance_spreads_it() -> None:
    assert soft_limit(1000, 100, Timing(), lambda _: bytes(4)) == 900
    assert round(soft_limit(1000, 100, Timing(), lambda _: b"\xff" * 4)) == 850
    assert soft_limit(0, 0, Timing(), lambda _: bytes(4)) == 0
    assert soft_limit(1000, 250, Timing(), lambda _: b"\xff" * 4) == pytest.approx(625, abs=1)


def test_a_refused_rekey_is_tried_again_at_half_the_time_left() -> None:
    timing = Timing(retry_delay=5)
    assert next_attempt(100, 200, timing) == 150
    assert next_attempt(196, 200, timing) == 201
