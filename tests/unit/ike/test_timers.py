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
