"""What every task has in common."""

from __future__ import annotations

from gatewright.ike.v2.tasks.child_create import CreateChild
from gatewright.ike.v2.tasks.liveness import CheckLiveness
from tests.support.gateways import child


def test_most_tasks_make_no_child() -> None:
    assert not CheckLiveness().creates(child())
    assert CreateChild(child(), None).creates(child())
    assert not CreateChild(child(), None).creates(child(policy_id=2))
