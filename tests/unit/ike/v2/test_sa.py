"""What the tasks of an IKE SA share."""

from __future__ import annotations

from dataclasses import replace

from gatewright.ike.outputs import IkeSaClosed, IkeSaEstablished, KeysDerived
from gatewright.ike.v2.errors import AuthenticationFailed
from gatewright.ike.v2.sa import PeerIkeRekey, Timer
from gatewright.ike.v2.states import Event, State
from gatewright.ike.v2.tasks.liveness import CheckLiveness
from tests.support.gateways import connection
from tests.unit.ike.v2.linked import (
    NOW,
    authenticating,
    blank,
    established,
    failures,
    linked,
    told,
)
from tests.unit.ike.v2.test_children import entry


def test_establishing_sets_the_clocks() -> None:
    a, _ = linked(connection(lifetime=1000, dpd_delay=30))
    a.state = State.AUTH_SENT
    a.establish(NOW)
    assert a.standing
    assert a.handshake is None
    assert a.timers[Timer.EXPIRE] == NOW + 1000
    assert NOW + 850 <= a.timers[Timer.REKEY] <= NOW + 900
    assert a.timers[Timer.LIVENESS] == NOW + 30
    (event,) = [each for each in a.outputs if isinstance(each, IkeSaEstablished)]
    assert not event.rekeyed
    a.heard(NOW + 10)
    assert a.timers[Timer.LIVENESS] == NOW + 40


def test_an_ike_sa_born_of_a_rekey_says_so() -> None:
    a, _ = linked()
    a.establish(NOW)
    (event,) = [each for each in a.outputs if isinstance(each, IkeSaEstablished)]
    assert event.rekeyed


def test_keys_are_exported_only_on_request() -> None:
    for export in (False, True):
        a, _ = linked()
        a.context = replace(a.context, export_keys=export)
        a.outputs.clear()
        a.take_keys(a.keys().proposal, a.keys().keys)
        assert any(isinstance(each, KeysDerived) for each in a.outputs) is export


def test_the_end_takes_everything_along_once() -> None:
    a, _ = established()
    a.children.install(entry(), initiator=True, replaces=None)
    a.agenda.add(CheckLiveness())
    a.outputs.clear()
    a.end("deleted by the peer")
    a.end("again")
    assert told(a) == ["ChildSaClosed", "DeleteChildSa", "IkeSaClosed"]
    assert (a.timers, list(a.agenda)) == ({}, [])
    assert isinstance(a.outputs[-1], IkeSaClosed)


def test_an_ike_sa_that_never_stood_ends_silently() -> None:
    a, _ = authenticating()
    a.outputs.clear()
    a.end("no answer")
    assert a.outputs == []


def test_a_failure_names_the_policies_whose_packets_wait() -> None:
    a, _ = established()
    a.report("IKE SA", AuthenticationFailed("why"))
    a.report("child SA", AuthenticationFailed("why"), a.connection.children[0], waiting=False)
    a.children.install(entry(), initiator=True, replaces=None)
    a.report("IKE SA", AuthenticationFailed("why"))
    assert [each.policy_ids for each in failures(a)] == [(1,), (), ()]
    assert failures(a)[1].child == "net"
    assert failures(a)[0].notify == "AUTHENTICATION_FAILED"


def test_a_successor_inherits_children_and_tasks() -> None:
    a, _ = established()
    successor = blank(a.connection, is_initiator=True)
    a.children.install(entry(), initiator=True, replaces=None)
    task = CheckLiveness()
    a.agenda.add(task)
    a.supersede(successor, NOW)
    assert a.state is State.REPLACED
    assert (len(a.children), len(successor.children)) == (0, 1)
    assert list(successor.agenda) == [task]
    assert list(a.timers) == [Timer.REPLACED]


class _Session:
    def __init__(self) -> None:
        self.called = 0

    def handle_timeout(self, now: float) -> None:
        del now
        self.called += 1


def test_a_contender_prevails_and_its_session_is_looked_at_again() -> None:
    a, _ = established()
    contender, _ = linked()
    contender.establish(NOW, Event.CONTESTED)
    assert not contender.standing
    session = _Session()
    a.advance(Event.REKEY_REQUESTED)
    a.peer_rekey = PeerIkeRekey(contender, session, b"n")  # type: ignore[arg-type]
    assert a.contender is contender
    a.outputs.clear()
    a.yield_to_contender(NOW)
    assert (a.state, contender.state) == (State.REPLACED, State.ESTABLISHED)
    assert session.called == 1
    assert told(a) == ["AdoptSession"]
    assert a.contender is None
