"""Commands, timers and snapshots of a session; negotiations are in ``tests/exchange/v2``."""

from __future__ import annotations

import pytest

from gatewright.ike.machine import Address, Datagram, Session
from gatewright.ike.outputs import AdoptSession, NegotiationFailed, PeerSilent, Transmit
from gatewright.ike.v2.children import ChildState
from gatewright.ike.v2.sa import IkeSa, Timer
from gatewright.ike.v2.session import IkeSession
from gatewright.ike.v2.states import State
from gatewright.ike.v2.tasks.child_create import CreateChild
from gatewright.ike.v2.tasks.rekey_child import RekeyChild
from gatewright.ike.v2.tasks.task import Purpose, Subject
from tests.support.gateways import IP_A, IP_B, child, connection
from tests.unit.ike.v2.linked import NOW, context, established, kinds
from tests.unit.ike.v2.test_children import entry


def initiator() -> IkeSession:
    return IkeSession.initiator(
        connection(), context(), Address(IP_A, 500), Address(IP_B, 500), NOW
    )


def standing() -> tuple[IkeSession, IkeSa]:
    sa, _ = established()
    return IkeSession(sa), sa


def test_it_is_a_session() -> None:
    session: Session = initiator()
    assert session.is_initiator
    assert len(session.spi_i) == 8
    assert session.spi_r == bytes(8)
    assert not session.established
    assert not session.closed
    assert session.next_timeout() is None


def test_start_sends_the_first_message_and_waits() -> None:
    session = initiator()
    session.start(NOW)
    (first,) = session.take_outputs()
    assert isinstance(first, Transmit)
    assert session.take_outputs() == []
    assert session.next_timeout() == NOW + 1.0
    assert session.snapshot(NOW).state == "connecting"


def test_a_responder_has_the_initiator_s_spi_and_its_own_later() -> None:
    ours = initiator()
    ours.start(NOW)
    (first,) = ours.take_outputs()
    assert isinstance(first, Transmit)
    datagram = Datagram(first.datagram.remote, first.datagram.local, first.datagram.payload)
    session = IkeSession.responder([connection()], context(1), datagram, NOW)
    assert (session.spi_i, session.spi_r) == (ours.spi_i, bytes(8))
    session.receive(datagram, NOW)
    assert session.spi_r != bytes(8)
    assert session.next_timeout() == NOW + 30.0
    session.handle_timeout(NOW + 30.0)
    assert session.closed
    assert kinds(session.take_outputs()) == ["Transmit", "NegotiationFailed"]


def test_a_child_is_wanted_once() -> None:
    session, sa = standing()
    session.create_child(child(), NOW)
    session.create_child(child(), NOW)
    assert kinds(session.take_outputs()) == ["Transmit"]
    assert list(sa.agenda) == []
    session.create_child(child(policy_id=2), NOW)
    session.create_child(child(policy_id=2), NOW)
    assert [each.subject for each in sa.agenda] == [Subject(Purpose.NEW_CHILD, 2)]


def test_a_child_that_stands_is_not_made_again() -> None:
    session, sa = standing()
    sa.children.install(entry(), initiator=True, replaces=None)
    session.take_outputs()
    session.create_child(child(), NOW)
    assert session.take_outputs() == []


def test_what_is_wanted_while_it_closes_begins_another_session() -> None:
    session, _ = standing()
    session.close(NOW, "down")
    assert session.snapshot(NOW).state == "deleting"
    session.take_outputs()
    session.create_child(child(), NOW)
    (adopt,) = session.take_outputs()
    assert isinstance(adopt, AdoptSession)
    assert kinds(adopt.session.take_outputs()) == ["Transmit"]
    assert adopt.session.is_initiator


def test_rekeying_is_begun_once() -> None:
    session, sa = standing()
    one = entry()
    sa.children.install(one, initiator=True, replaces=None)
    session.take_outputs()
    session.create_child(child(policy_id=2), NOW)  # fills the window
    session.rekey_child(one.spi_in, NOW)
    session.rekey_child(one.spi_in, NOW)
    assert len([each for each in sa.agenda if isinstance(each, RekeyChild)]) == 1
    assert one.rekey_at is None
    session.rekey_child(0x9999, NOW)


def test_closing_before_anything_stands_needs_no_word() -> None:
    session = initiator()
    session.start(NOW)
    session.take_outputs()
    session.close(NOW, "down")
    assert session.closed
    assert session.take_outputs() == []


def test_closing_stops_the_packets_before_the_peer_confirms() -> None:
    session, sa = standing()
    sa.children.install(entry(), initiator=True, replaces=None)
    session.take_outputs()
    session.close(NOW, "down")
    assert kinds(session.take_outputs()) == ["ChildSaClosed", "DeleteChildSa", "Transmit"]
    assert not session.established
    session.close(NOW, "again")
    assert session.take_outputs() == []


def test_a_silent_peer_is_given_up() -> None:
    session, sa = standing()
    sa.children.install(entry(), initiator=True, replaces=None)
    sa.timers[Timer.LIVENESS] = NOW + 30
    while not session.closed:
        due = session.next_timeout()
        assert due is not None
        session.handle_timeout(due)
    outputs = session.take_outputs()
    assert any(isinstance(each, PeerSilent) for each in outputs)
    assert kinds(outputs)[-4:] == ["PeerSilent", "ChildSaClosed", "DeleteChildSa", "IkeSaClosed"]
    assert session.next_timeout() is None


def test_a_child_s_lifetime_ends_at_its_time_even_while_the_window_is_full() -> None:
    session, sa = standing()
    one = entry(rekey_at=None, expire_at=NOW + 10)
    sa.children.install(one, initiator=True, replaces=None)
    session.create_child(child(policy_id=2), NOW)
    session.take_outputs()
    session.handle_timeout(NOW + 10)
    assert "DeleteChildSa" in kinds(session.take_outputs())
    assert len(sa.children) == 0


@pytest.mark.parametrize("due", [0x1001, 0x1002])
def test_of_twins_the_lesser_is_deleted_when_either_would_be_rekeyed(due: int) -> None:
    session, sa = standing()
    lesser, greater = (
        entry(0x1001, 0x2001, expire_at=NOW + 99),
        entry(0x1002, 0x2002, expire_at=NOW + 99),
    )
    for each in (lesser, greater):
        each.rekey_at = NOW + 5 if each.spi_in == due else NOW + 50
        sa.children.install(each, initiator=True, replaces=None)
    session.handle_timeout(NOW + 5)
    assert lesser.state is ChildState.DELETING
    assert [type(task) for task in sa.agenda] == ([] if due == 0x1001 else [RekeyChild])


def test_settings_change_in_place() -> None:
    session, sa = standing()
    one = entry()
    sa.children.install(one, initiator=True, replaces=None)
    sa.agenda.postpone(CreateChild(child(policy_id=2), None), NOW + 60)
    changed = connection(child(name="renamed"), dpd_delay=7)
    session.update_connection(changed, NOW)
    assert session.connection is changed
    assert one.child.name == "renamed"
    assert list(sa.agenda) == []
    assert sa.timers[Timer.LIVENESS] == NOW + 7


def test_a_snapshot_has_the_times_in_it() -> None:
    session, sa = standing()
    snapshot = session.snapshot(NOW + 100)
    assert (snapshot.version, snapshot.state, snapshot.age) == (2, "established", 100.0)
    assert snapshot.expires_in == sa.connection.lifetime - 100
    assert snapshot.algorithms == "aes-128-gcm / prf-hmac-sha256 / x25519"
    assert sa.state is State.ESTABLISHED


def test_a_missing_key_is_found_before_anything_is_sent() -> None:
    session = IkeSession.initiator(
        connection(secret="lost"), context(), Address(IP_A, 500), Address(IP_B, 500), NOW
    )
    session.start(NOW)
    assert session.closed
    (failure,) = session.take_outputs()
    assert isinstance(failure, NegotiationFailed)
