import weakref

from hypothesis import given
from hypothesis import strategies as st

from gatewright.ike.timers import TimerQueue


def test_the_earliest_owner_comes_first_and_once() -> None:
    queue: TimerQueue[str] = TimerQueue()
    queue.set("b", 2.0)
    queue.set("a", 1.0)
    assert queue.next_timeout() == 1.0
    assert queue.pop_due(1.5) == "a"
    assert queue.pop_due(1.5) is None
    assert queue.next_timeout() == 2.0


def test_setting_again_replaces_and_none_forgets() -> None:
    queue: TimerQueue[str] = TimerQueue()
    queue.set("a", 1.0)
    queue.set("a", 5.0)
    assert queue.pop_due(2.0) is None
    assert queue.next_timeout() == 5.0
    queue.set("a", None)
    assert queue.next_timeout() is None


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | st.floats(0, 100))))
def test_it_agrees_with_a_dictionary(settings: list[tuple[int, float | None]]) -> None:
    queue: TimerQueue[int] = TimerQueue()
    model: dict[int, float] = {}
    for owner, when in settings:
        queue.set(owner, when)
        model.pop(owner, None)
        if when is not None:
            model[owner] = when
    assert queue.next_timeout() == min(model.values(), default=None)
    popped = set()
    while (due := queue.pop_due(50.0)) is not None:
        popped.add(due)
    assert popped == {owner for owner, when in model.items() if when <= 50.0}


def test_timers_that_are_always_put_off_do_not_pile_up() -> None:
    queue: TimerQueue[int] = TimerQueue()
    for round_ in range(1000):
        for owner in range(10):
            queue.set(owner, 1000.0 + round_)
    assert len(queue) < 200
    assert [queue.pop_due(1999.0) for _ in range(11)] == [*range(10), None]


def test_outdated_entries_do_not_pile_up() -> None:
    queue: TimerQueue[int] = TimerQueue()
    for owner in range(10):
        queue.set(owner, 1e9)
    for turn in range(5000):
        queue.set(turn % 10, 1000.0 + turn)
        queue.set(turn % 10, 1e9)
    assert len(queue) < 100
    assert queue.next_timeout() == 1e9
    assert sorted(iter(lambda: queue.pop_due(1e9), None)) == list(range(10))


class Owner:
    pass


def test_who_is_forgotten_is_not_held_until_the_timeout() -> None:
    queue: TimerQueue[Owner] = TimerQueue()
    owner = Owner()
    alive = weakref.ref(owner)
    queue.set(owner, 28_800.0)
    queue.set(owner, 1000.0)
    queue.set(owner, None)
    del owner
    assert alive() is None
    assert queue.next_timeout() is None
