from __future__ import annotations

from ipaddress import ip_address
from typing import cast

from gatewright.ike.demand import Wish
from gatewright.ike.machine import Session
from gatewright.ike.turns import AT_ONCE, FOR_URGENT, Turns

PEER, OTHER = ip_address("203.0.113.2"), ip_address("203.0.113.3")


def session() -> Session:
    return cast("Session", object())


def wish(policy_id: int, *, urgent: bool = False) -> Wish:
    return Wish(policy_id, None, 0.0, urgent)


def full(*, urgent: bool = False) -> tuple[Turns, list[Session]]:
    """As many in negotiation with one peer as there may be."""
    turns, begun = Turns(), []
    while turns.free(PEER, urgent=urgent):
        begun.append(session())
        turns.begins(begun[-1], PEER)
    return turns, begun


def policies(turns: Turns) -> list[int]:
    """Those whose turn it is; each begins."""
    found = []
    while (next_wish := turns.next_wish()) is not None:
        turns.begins(session(), PEER)
        found.append(next_wish.policy_id)
    return found


def test_a_place_is_kept_for_what_is_urgent() -> None:
    turns, begun = full()
    assert len(begun) == AT_ONCE - FOR_URGENT
    assert turns.free(PEER, urgent=True)
    assert turns.free(OTHER, urgent=False)
    turns, begun = full(urgent=True)
    assert len(begun) == AT_ONCE


def test_one_that_is_over_makes_room_for_the_next_in_order() -> None:
    turns, begun = full()
    for number in (1, 2):
        turns.wait(wish(number), PEER)
    assert turns.next_wish() is None
    assert turns.next_timeout() is None
    turns.over(begun[0], 5.0)
    turns.over(begun[0], 6.0)
    assert turns.next_timeout() == 5.0
    assert policies(turns) == [1]
    assert turns.next_timeout() is None
    assert len(turns) == 1


def test_the_urgent_go_first_and_stay_urgent() -> None:
    turns, begun = full(urgent=True)
    for number in (1, 2, 3):
        turns.wait(wish(number), PEER)
    turns.wait(wish(3, urgent=True), PEER)
    turns.wait(wish(3), PEER)
    for each in begun[:2]:
        turns.over(each, 5.0)
    assert policies(turns) == [3]
    turns.over(begun[2], 6.0)
    assert policies(turns) == [1]


def test_peers_do_not_wait_for_each_other() -> None:
    turns, _ = full()
    turns.wait(wish(1), PEER)
    elsewhere = session()
    turns.begins(elsewhere, OTHER)
    turns.over(elsewhere, 5.0)
    assert turns.next_timeout() is None
    assert turns.next_wish() is None


def test_what_is_forgotten_has_no_turn() -> None:
    turns, begun = full()
    for number in (1, 2, 3):
        turns.wait(wish(number), PEER)
    turns.forget(1)
    turns.forget(1)
    turns.forget_unless(lambda policy_id: policy_id == 3)
    turns.over(begun[0], 5.0)
    assert policies(turns) == [3]
    assert len(turns) == 0
