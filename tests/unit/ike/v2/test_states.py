"""The table of states: complete, connected, and nothing outside it happens."""

from __future__ import annotations

from itertools import product

import pytest

from gatewright.ike.v2.states import (
    TRANSITIONS,
    Event,
    ImpossibleTransition,
    State,
    advance,
    render,
)


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_pair_is_in_the_table_or_impossible(state: State, event: Event) -> None:
    following = TRANSITIONS.get((state, event))
    if following is None:
        with pytest.raises(ImpossibleTransition):
            advance(state, event)
    else:
        assert advance(state, event) is following


def test_every_state_can_be_reached_and_left_and_closed_is_the_end() -> None:
    assert {State.IDLE, *TRANSITIONS.values()} == set(State)
    for state in State:
        leaving = {event for (each, event) in TRANSITIONS if each is state}
        assert (Event.ENDED in leaving) is (state is not State.CLOSED)
        assert bool(leaving) is (state is not State.CLOSED)


def test_every_event_has_a_place() -> None:
    assert {event for _, event in TRANSITIONS} == set(Event)


def test_the_printed_table_has_a_line_for_each_transition() -> None:
    lines = render().splitlines()
    assert len(lines) == len(TRANSITIONS)
    assert any(line.split()[0] == "AUTH_SENT" and line.endswith("ESTABLISHED") for line in lines)
