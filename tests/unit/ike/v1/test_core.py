import pytest

from gatewright.iana.ikev1 import ExchangeType, NotifyType
from gatewright.ike.outputs import Fault, NegotiationFailed, Transmit
from gatewright.ike.v1.errors import NoAnswer
from gatewright.ike.v1.states import Event, ImpossibleTransition, State
from gatewright.wire.v1.payloads.notify import NotifyPayload
from tests.support.gateways import child
from tests.support.gateways_v1 import tunnel
from tests.unit.ike.v1.builders import COOKIE_I, COOKIE_R, LOCAL, REMOTE, core, reasons, sent, told


def test_whose_cookie_is_whose() -> None:
    assert (core().own_cookie, core().peer_cookie) == (COOKIE_I, COOKIE_R)
    responder = core(is_initiator=False)
    assert (responder.own_cookie, responder.peer_cookie) == (COOKIE_R, COOKIE_I)
    assert responder.cookies == COOKIE_I + COOKIE_R


def test_it_moves_by_the_table() -> None:
    sa = core(state=State.SENT_4, is_initiator=False)
    sa.advance(Event.AUTHENTICATED)
    assert sa.usable
    with pytest.raises(ImpossibleTransition):
        sa.advance(Event.OFFERED)


def test_message_ids_are_never_zero() -> None:
    sa = core()
    zeros = iter((bytes(4), bytes(4), b"\x00\x00\x00\x07"))
    object.__setattr__(sa.context, "random", lambda _: next(zeros))
    assert sa.new_message_id() == 7


def test_outputs_are_given_once() -> None:
    sa = core()
    sa.drop("counted", "why")
    outputs = sa.take_outputs()
    assert reasons(outputs) == ["counted"]
    assert sa.take_outputs() == []


def test_a_failure_names_the_children_that_wait() -> None:
    own = child(policy_id=7, name="net7")
    sa = core(tunnel(own))
    sa.report("quick mode", NoAnswer("why"), (own,))
    sa.report("quick mode", NoAnswer("why"), (own,), packets_wait=False)
    waiting, not_waiting = told(sa.take_outputs(), NegotiationFailed)
    assert (waiting.tunnel, waiting.child, waiting.policy_ids) == ("branch", "net7", (7,))
    assert (waiting.fault, waiting.remote) == (Fault.TIMEOUT, str(REMOTE))
    assert not_waiting.policy_ids == ()


def test_a_child_of_another_candidate_keeps_its_tunnel() -> None:
    sa = core(tunnel(child(policy_id=1), name="one"))
    other = tunnel(child(policy_id=2), name="two")
    sa.candidates = (sa.connection, other)
    assert sa.connection_of(other.children[0]) is other
    assert sa.connection_of(child(policy_id=9)) is sa.connection
    assert list(sa.selectable().children) == [*sa.connection.children, *other.children]


def test_what_a_peer_can_ask_for_follows_the_policy() -> None:
    sa = core()
    known = sa.selectable()
    assert sa.selectable() is known
    sa.connection = tunnel(child(policy_id=7))
    sa.candidates = (sa.connection,)
    assert [each.policy_id for each in sa.selectable().children] == [7]
    assert sa.connection_of(child(policy_id=7)) is sa.connection


def test_a_notify_in_clear() -> None:
    sa = core()
    sa.notify_in_clear(NotifyType.INVALID_KEY_INFORMATION)
    outputs = sa.take_outputs()
    (message,) = sent(outputs)
    assert message.header.exchange == ExchangeType.INFORMATIONAL
    assert not message.encrypted
    notify = message.chain().first(NotifyPayload)
    assert notify is not None
    assert (notify.type, notify.spi) == (17, sa.cookies)


def test_main_mode_messages_go_from_here_to_there() -> None:
    sa = core()
    sa.main_mode_message((NotifyPayload(1, 1),), encrypted=True)
    outputs = sa.take_outputs()
    (message,) = sent(outputs)
    assert (message.encrypted, message.header.message_id) == (True, 0)
    assert len(message.body) % 16 == 0
    (transmit,) = told(outputs, Transmit)
    assert (transmit.datagram.local, transmit.datagram.remote) == (LOCAL, REMOTE)
