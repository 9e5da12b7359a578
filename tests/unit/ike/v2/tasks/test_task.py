"""What every task has in common."""

from __future__ import annotations

from gatewright.ike.v2.tasks.child_create import CreateChild
from gatewright.ike.v2.tasks.liveness import CheckLiveness
from gatewright.ike.v2.tasks.task import Purpose, Subject
from tests.support.gateways import child


def test_most_tasks_make_no_child() -> None:
    assert CheckLiveness().subject is None
    assert CreateChild(child(), None).subject == Subject(Purpose.NEW_CHILD, child().policy_id)
    assert CreateChild(child(policy_id=2), None).subject == Subject(Purpose.NEW_CHILD, 2)
