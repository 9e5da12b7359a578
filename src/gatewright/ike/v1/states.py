"""The states of a main mode SA and of a quick mode, as tables that can be printed.

A number in a name is that of a message: main mode has six (RFC 2409 section 5), quick mode three
(section 5.5).  Whatever a table does not have cannot happen: `advance` raises for it.  The states
of the quick mode SAs that result stand in `gatewright.ike.v1.children`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar


class State(Enum):
    IDLE = "idle"  # nothing has been sent or received
    SENT_1 = "offering"  # initiator: waits for the choice
    SENT_2 = "half-open"  # responder: has chosen
    SENT_3 = "exchanging keys"  # initiator
    SENT_4 = "half-open, keys exchanged"  # responder
    SENT_5 = "authenticating"  # initiator
    ESTABLISHED = "established"
    REPLACED = "replaced"  # another main mode SA has taken over; this one is deleted soon
    EXPIRED = "expired"  # no main mode SA; its quick mode SAs live on (RFC 2408 section 4.3)
    CLOSED = "closed"


class Event(Enum):
    OFFERED = "sends message 1"
    CHOSE = "got message 1, sends message 2"
    SENT_KEY = "got message 2, sends message 3"
    ANSWERED_KEY = "got message 3, sends message 4"
    SENT_IDENTITY = "got message 4, sends message 5"
    AUTHENTICATED = "both sides are authenticated"
    SUPERSEDED = "another main mode SA takes over"
    EXPIRED = "its time is over, or the peer deleted it"
    ENDED = "ends"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.IDLE, Event.OFFERED): State.SENT_1,
    (State.IDLE, Event.CHOSE): State.SENT_2,
    (State.SENT_1, Event.SENT_KEY): State.SENT_3,
    (State.SENT_2, Event.ANSWERED_KEY): State.SENT_4,
    (State.SENT_3, Event.SENT_IDENTITY): State.SENT_5,
    (State.SENT_4, Event.AUTHENTICATED): State.ESTABLISHED,
    (State.SENT_5, Event.AUTHENTICATED): State.ESTABLISHED,
    (State.ESTABLISHED, Event.SUPERSEDED): State.REPLACED,
    (State.ESTABLISHED, Event.EXPIRED): State.EXPIRED,
    (State.REPLACED, Event.EXPIRED): State.EXPIRED,
    **{(state, Event.ENDED): State.CLOSED for state in State if state is not State.CLOSED},
}


class QuickState(Enum):
    IDLE = "idle"
    SENT_1 = "offering"  # initiator
    SENT_2 = "chosen"  # responder: waits for message 3
    DONE = "done"
    FAILED = "failed"


class QuickEvent(Enum):
    OFFERED = "sends message 1"
    CHOSE = "got message 1, sends message 2"
    CONFIRMED = "message 3 was sent or received"
    FAILED = "fails"


QUICK_TRANSITIONS: dict[tuple[QuickState, QuickEvent], QuickState] = {
    (QuickState.IDLE, QuickEvent.OFFERED): QuickState.SENT_1,
    (QuickState.IDLE, QuickEvent.CHOSE): QuickState.SENT_2,
    (QuickState.IDLE, QuickEvent.FAILED): QuickState.FAILED,
    (QuickState.SENT_1, QuickEvent.CONFIRMED): QuickState.DONE,
    (QuickState.SENT_1, QuickEvent.FAILED): QuickState.FAILED,
    (QuickState.SENT_2, QuickEvent.CONFIRMED): QuickState.DONE,
    (QuickState.SENT_2, QuickEvent.FAILED): QuickState.FAILED,
}

S = TypeVar("S", bound=Enum)
E = TypeVar("E", bound=Enum)


class ImpossibleTransition(Exception):
    """A fault of this program, never one of the peer."""


def advance(table: Mapping[tuple[S, E], S], state: S, event: E) -> S:
    """The state that follows."""
    following = table.get((state, event))
    if following is None:
        raise ImpossibleTransition(f"{event.name} in state {state.name}")
    return following


def render(table: Mapping[tuple[S, E], S]) -> str:
    """A table for people: one line a transition."""
    width = max(len(state.name) for state, _ in table)
    event_width = max(len(event.name) for _, event in table)
    return "\n".join(
        f"{state.name:<{width}} --{event.name:-<{event_width}}--> {following.name}"
        for (state, event), following in table.items()
    )
