"""Tasks in order, and tasks that wait for their time."""

from __future__ import annotations

from gatewright.ike.v2.agenda import Agenda
from gatewright.ike.v2.tasks.child_create import CreateChild
from gatewright.ike.v2.tasks.liveness import CheckLiveness
from tests.support.gateways import child


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


def test_what_a_task_is_about_is_known_as_long_as_it_waits() -> None:
    agenda, heir = Agenda(), Agenda()
    tasks = [CreateChild(child(policy_id=number), None) for number in range(4)]
    agenda.add(tasks[0])
    agenda.add_first(tasks[1])
    agenda.postpone(tasks[2], 10.0)
    agenda.postpone(tasks[3], 10.0)
    assert [agenda.has(task.subject) for task in tasks] == [True] * 4
    agenda.remove(tasks[3])
    assert agenda.next() is tasks[1]
    assert [agenda.has(task.subject) for task in tasks] == [True, False, True, False]
    agenda.give_to(heir)
    assert [agenda.has(task.subject) for task in tasks] == [False] * 4
    assert [heir.has(task.subject) for task in tasks] == [True, False, True, False]
    assert bool(heir)
    assert not agenda


def test_what_waits_is_known_by_its_subject() -> None:
    agenda, heir = Agenda(), Agenda()
    first, second = CreateChild(child(policy_id=1), None), CreateChild(child(policy_id=2), None)
    agenda.add(first)
    agenda.postpone(second, 10.0)
    assert [agenda.has(each.subject) for each in (first, second)] == [True, True]
    assert not agenda.has(CreateChild(child(policy_id=3), None).subject)
    agenda.next()
    assert not agenda.has(first.subject)
    agenda.give_to(heir)
    assert (agenda.has(second.subject), heir.has(second.subject)) == (False, True)
    heir.remove(second)
    assert not heir.has(second.subject)
    assert not heir
