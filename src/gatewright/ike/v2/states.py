"""The states of an IKEv2 SA and what leads from one to another, as a table that can be printed.

Whatever the table does not have cannot happen: `advance` raises for it.  States of child SAs
stand in `gatewright.ike.v2.children`.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    IDLE = "idle"  # nothing has been sent or received
    INIT_SENT = "connecting"  # initiator: IKE_SA_INIT is under way
    HALF_OPEN = "half-open"  # responder: IKE_SA_INIT is answered
    AUTH_SENT = "authenticating"  # initiator: IKE_AUTH is under way
    REFUSED = "refused"  # responder: IKE_AUTH failed; its retransmissions are still answered
    CONTESTED = "contested"  # made by the peer's rekey, while ours is not answered yet
    ESTABLISHED = "established"
    REKEYING = "rekeying"  # established, and our request to rekey the IKE SA is under way
    REPLACED = "replaced"  # another IKE SA has taken over; this one waits for its deletion
    DELETING = "deleting"  # our request to delete it is under way
    CLOSED = "closed"


class Event(Enum):
    INIT_REQUESTED = "sends IKE_SA_INIT"
    INIT_ANSWERED = "answers IKE_SA_INIT"
    AUTH_REQUESTED = "sends IKE_AUTH"
    AUTHENTICATED = "both sides are authenticated"
    AUTH_REFUSED = "the initiator is not who it should be"
    CONTESTED = "is made by a rekey that may turn out redundant"
    PREVAILED = "is the one that stays after simultaneous rekeys"
    REKEY_REQUESTED = "asks to rekey the IKE SA"
    REKEY_FAILED = "the rekey was refused"
    SUPERSEDED = "another IKE SA takes over"
    DELETE_REQUESTED = "asks to delete the IKE SA"
    ENDED = "ends"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.IDLE, Event.INIT_REQUESTED): State.INIT_SENT,
    (State.IDLE, Event.INIT_ANSWERED): State.HALF_OPEN,
    (State.IDLE, Event.AUTHENTICATED): State.ESTABLISHED,  # born of a rekey
    (State.IDLE, Event.CONTESTED): State.CONTESTED,
    (State.CONTESTED, Event.PREVAILED): State.ESTABLISHED,
    (State.CONTESTED, Event.SUPERSEDED): State.REPLACED,
    (State.INIT_SENT, Event.AUTH_REQUESTED): State.AUTH_SENT,
    (State.AUTH_SENT, Event.AUTHENTICATED): State.ESTABLISHED,
    (State.AUTH_SENT, Event.DELETE_REQUESTED): State.DELETING,  # the peer did not prove itself
    (State.HALF_OPEN, Event.AUTHENTICATED): State.ESTABLISHED,
    (State.HALF_OPEN, Event.AUTH_REFUSED): State.REFUSED,
    (State.ESTABLISHED, Event.REKEY_REQUESTED): State.REKEYING,
    (State.ESTABLISHED, Event.SUPERSEDED): State.REPLACED,
    (State.ESTABLISHED, Event.DELETE_REQUESTED): State.DELETING,
    (State.REKEYING, Event.REKEY_FAILED): State.ESTABLISHED,
    (State.REKEYING, Event.SUPERSEDED): State.REPLACED,
    (State.REPLACED, Event.DELETE_REQUESTED): State.DELETING,
    **{(state, Event.ENDED): State.CLOSED for state in State if state is not State.CLOSED},
}


class ImpossibleTransition(Exception):
    """A fault of this program, never one of the peer."""


def advance(state: State, event: Event) -> State:
    """The state that follows."""
    following = TRANSITIONS.get((state, event))
    if following is None:
        raise ImpossibleTransition(f"{event.name} in state {state.name}")
    return following


def render() -> str:
    """The table for people: one line a transition."""
    width = max(len(state.name) for state in State)
    event_width = max(len(event.name) for event in Event)
    return "\n".join(
        f"{state.name:<{width}} --{event.name:-<{event_width}}--> {following.name}"
        for (state, event), following in TRANSITIONS.items()
    )
