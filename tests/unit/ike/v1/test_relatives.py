from __future__ import annotations

from dataclasses import replace

from gatewright.ike.machine import Session
from gatewright.ike.outputs import AdoptSession
from gatewright.ike.v1.session import IkeV1Session
from gatewright.ike.v1.states import State
from gatewright.ike.v1.terms import of_child
from gatewright.policy.compiled import Connection, StartMode
from tests.support.gateways import child
from tests.support.gateways_v1 import ESP_V1, tunnel
from tests.unit.ike.v1.builders import LOCAL, NOW, REMOTE, context, core, told
from tests.unit.ike.v1.test_children import pair


class Family:
    """Sessions with one peer, which see each other."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.context = replace(context(), sessions_between=lambda _, __: tuple(self.sessions))

    def member(
        self, since: float, state: State = State.ESTABLISHED, connection: Connection | None = None
    ) -> IkeV1Session:
        made = IkeV1Session.initiator(connection or tunnel(), self.context, LOCAL, REMOTE, since)
        standing = core()
        made.core.state = state
        made.core.protection, made.core.choice = standing.protection, standing.choice
        made.core.peer = standing.peer
        if state is State.ESTABLISHED:
            made.schedule.begin(made.core, since)
        self.sessions.append(made)
        return made


def adopted(session: IkeV1Session) -> list[Session]:
    return [each.session for each in told(session.take_outputs(), AdoptSession)]


def test_relatives_are_the_other_open_sessions_oldest_first() -> None:
    family = Family()
    young, old, closed = family.member(NOW + 2), family.member(NOW), family.member(NOW + 1)
    closed.core.state = State.CLOSED
    own = family.member(NOW + 3)
    assert own.relatives.all() == [old, young]


def test_the_heir_is_the_newest_that_stands_in_the_same_tunnel() -> None:
    family = Family()
    family.member(NOW)
    heir = family.member(NOW + 1)
    family.member(NOW + 2, State.SENT_3)
    family.member(NOW + 3, connection=tunnel(name="other"))
    own = family.member(NOW + 4)
    assert own.relatives.heir() is heir


def test_an_expired_session_leaves_its_pairs_to_its_heir() -> None:
    family = Family()
    heir, own = family.member(NOW), family.member(NOW + 1)
    own.core.children.add(pair())
    own.expire("test", NOW + 5, tell=True)
    assert own.closed
    assert len(heir.core.children) == 1
    assert adopted(own) == [heir]
    assert heir in adopted(heir)  # so that the endpoint knows whose they are


def test_without_an_heir_it_stays_for_them() -> None:
    own = Family().member(NOW)
    own.core.children.add(pair())
    own.expire("test", NOW + 5, tell=True)
    assert own.core.state is State.EXPIRED
    assert not own.closed
    assert len(own.snapshot(NOW).children) == 1


def test_and_the_next_one_takes_them_over() -> None:
    family = Family()
    orphan = family.member(NOW)
    orphan.core.children.add(pair())
    orphan.expire("test", NOW + 5, tell=True)
    own = family.member(NOW + 10)
    own.relatives.take_over(NOW + 10)
    assert orphan.closed
    assert len(own.core.children) == 1
    assert adopted(own) == [own, orphan]


def test_a_successor_shares_the_table_and_looks_after_it() -> None:
    family = Family()
    old = family.member(NOW)
    old.core.children.add(pair())
    old.relatives.renew((), NOW + 1)
    (successor,) = adopted(old)
    assert isinstance(successor, IkeV1Session)
    family.sessions.append(successor)
    successor.core.state = State.ESTABLISHED
    successor.relatives.take_over(NOW + 2)
    assert successor.core.children is old.core.children
    assert old.core.state is State.REPLACED
    assert not old.snapshot(NOW).children
    assert len(successor.snapshot(NOW).children) == 1


def test_one_successor_at_a_time() -> None:
    own = Family().member(NOW)
    own.relatives.renew((of_child(child(ESP_V1)),), NOW + 1)
    first = own.relatives.successor
    own.relatives.renew((of_child(child(ESP_V1, policy_id=2)),), NOW + 1)
    assert own.relatives.successor is first


def test_what_is_worth_renewing() -> None:
    family = Family()
    own = family.member(NOW)
    assert not own.relatives.worth_renewing()
    own.core.children.add(pair())
    assert own.relatives.worth_renewing()
    family.member(NOW + 100)
    assert not own.relatives.worth_renewing()  # that one lives longer
    always = tunnel(child(ESP_V1, start=StartMode.ALWAYS), name="always")
    assert family.member(NOW, connection=always).relatives.worth_renewing()


def test_tables_of_all_that_keep_pairs_the_own_one_last() -> None:
    family = Family()
    own = family.member(NOW)
    other = family.member(NOW + 1)
    family.member(NOW + 2, State.REPLACED)
    assert own.relatives.tables() == [other.core.children, own.core.children]
    own.relatives.look_at_keeper_of(other.core.children)
    assert adopted(own) == [other]
