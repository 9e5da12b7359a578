import pytest

from gatewright.ike.v1.states import (
    QUICK_TRANSITIONS,
    TRANSITIONS,
    Event,
    ImpossibleTransition,
    QuickEvent,
    QuickState,
    State,
    advance,
    render,
)


def walk(*events: Event) -> State:
    state = State.IDLE
    for event in events:
        state = advance(TRANSITIONS, state, event)
    return state


def test_an_initiator_s_way() -> None:
    assert walk(Event.OFFERED, Event.SENT_KEY, Event.SENT_IDENTITY, Event.AUTHENTICATED) is (
        State.ESTABLISHED
    )


def test_a_responder_s_way() -> None:
    assert walk(Event.CHOSE, Event.ANSWERED_KEY, Event.AUTHENTICATED) is State.ESTABLISHED


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("event", list(Event))
def test_each_input_leads_somewhere_known_or_is_refused(state: State, event: Event) -> None:
    try:
        following = advance(TRANSITIONS, state, event)
    except ImpossibleTransition:
        return
    assert following is not state


def test_nobody_is_established_without_authentication() -> None:
    ways_in = {event for (_, event), to in TRANSITIONS.items() if to is State.ESTABLISHED}
    assert ways_in == {Event.AUTHENTICATED}


def test_closed_is_the_end() -> None:
    assert not [event for state, event in TRANSITIONS if state is State.CLOSED]


def test_quick_mode_has_three_messages() -> None:
    sent_1 = advance(QUICK_TRANSITIONS, QuickState.IDLE, QuickEvent.OFFERED)
    assert advance(QUICK_TRANSITIONS, sent_1, QuickEvent.CONFIRMED) is QuickState.DONE
    with pytest.raises(ImpossibleTransition):
        advance(QUICK_TRANSITIONS, QuickState.DONE, QuickEvent.FAILED)


def test_the_table_can_be_printed() -> None:
    lines = render(TRANSITIONS).splitlines()
    assert len(lines) == len(TRANSITIONS)
    assert lines[0] == "IDLE        --OFFERED--------> SENT_1"
