"""Tasks in order, and tasks that wait for their time."""

from __future__ import annotations

from gatewright.ike.v2.agenda import Agenda
from gatewright.ike.v2.tasks.liveness import CheckLiveness


def test_in_order_with_the_urgent_one_first() -> None:
    agenda, tasks = Agenda(), [CheckLiveness() for _ in range(3)]
    agenda.add(tasks[0])
    agenda.add(tasks[1])
    agenda.add_first(tasks[2])
    assert [agenda.next() for _ in range(4)] == [tasks[2], tasks[0], tasks[1], None]


def test_postponed_tasks_become_ready_at_their_time() -> None:
    agenda, task = Agenda(), CheckLiveness()
    agenda.postpone(task, 10.0)
    assert (agenda.next(), agenda.next_timeout(), list(agenda)) == (None, 10.0, [task])
    agenda.handle_timeout(9.9)
    assert agenda.next() is None
    agenda.handle_timeout(10.0)
    assert (agenda.next(), agenda.next_timeout()) == (task, None)


def test_an_heir_gets_all_that_is_left() -> None:
    agenda, heir, tasks = Agenda(), Agenda(), [CheckLiveness() for _ in range(3)]
    heir.add(tasks[0])
    agenda.add(tasks[1])
    agenda.postpone(tasks[2], 10.0)
    agenda.give_to(heir)
    assert list(agenda) == []
    assert list(heir) == tasks


def test_tasks_can_be_taken_out_again() -> None:
    agenda, tasks = Agenda(), [CheckLiveness() for _ in range(3)]
    agenda.add(tasks[0])
    agenda.add(tasks[1])
    agenda.postpone(tasks[2], 10.0)
    agenda.remove(tasks[0])
    agenda.remove(tasks[2])
    assert list(agenda) == [tasks[1]]
    agenda.clear()
    assert list(agenda) == []
