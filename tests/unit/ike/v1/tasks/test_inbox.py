from __future__ import annotations

import pytest

from gatewright.iana.ikev1 import NotifyType, ProtocolId
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.keeper import Keeper
from gatewright.ike.v1.quick_modes import QuickModes
from gatewright.ike.v1.states import State
from gatewright.ike.v1.tasks import delete
from gatewright.ike.v1.tasks.dpd import DeadPeerDetection
from gatewright.ike.v1.tasks.inbox import Inbox
from gatewright.ike.v1.tasks.informational import Informational
from gatewright.ike.v1.tasks.main_mode import MainMode
from gatewright.wire.v1.message import Message, emit_chain, emit_message
from gatewright.wire.v1.payload import Payload
from gatewright.wire.v1.payloads.nonce import NoncePayload
from gatewright.wire.v1.payloads.notify import NotifyPayload
from tests.unit.ike.v1.builders import COOKIE_I, COOKIE_R, NOW, core, octets, reasons
from tests.unit.ike.v1.test_keeper import Alone


class Heard:
    """A session that writes down what it is told."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def peer_lives(self, now: float) -> None:
        self.calls.append(("lives", now))

    def pair_deleted(self, spi_out: int, now: float) -> None:
        del now
        self.calls.append(("pair", spi_out))

    def main_mode_deleted(self, cookies: bytes, now: float) -> None:
        del now
        self.calls.append(("main", cookies))

    def peer_restarted(self, now: float) -> None:
        del now
        self.calls.append("restarted")


def boxed(state: State = State.ESTABLISHED) -> tuple[Core, Inbox, Heard, MainMode]:
    sa, heard = core(state=state, is_initiator=False), Heard()
    if state is State.SENT_5:
        sa.is_initiator = True
    informational = Informational(sa)
    main = MainMode(sa, NOW, lambda: False)
    quick = QuickModes(sa, informational, Keeper(sa, informational, Alone(sa)))
    dpd = DeadPeerDetection(sa, informational)
    return sa, Inbox(sa, main, quick, informational, dpd, heard), heard, main


def sealed(*payloads: Payload) -> Message:
    """What A sends."""
    sa = core()
    Informational(sa).send(payloads)
    return Message.parse(octets(sa.take_outputs())[0])


def in_clear(*payloads: Payload) -> Message:
    body = emit_chain(payloads)
    return Message.parse(emit_message(COOKIE_I, COOKIE_R, 5, 9, payloads[0].number, body))


QUESTION = NotifyPayload(NotifyType.R_U_THERE, 1, COOKIE_I + COOKIE_R, bytes(4))
CONTACT = NotifyPayload(NotifyType.INITIAL_CONTACT, 1, COOKIE_I + COOKIE_R)
REFUSAL = NotifyPayload(NotifyType.AUTHENTICATION_FAILED, 1)


def test_deletes_of_both_kinds() -> None:
    _, inbox, heard, _ = boxed()
    inbox.receive(sealed(delete.quick_mode_sas([5, 6]), delete.main_mode_sa(core())), NOW)
    assert heard.calls == [("pair", 5), ("pair", 6), ("main", COOKIE_I + COOKIE_R)]


def test_a_delete_may_carry_a_nonce() -> None:
    """Microsoft's reliable form (MS-IKEE section 3.8)."""
    _, inbox, heard, _ = boxed()
    inbox.receive(sealed(NoncePayload(bytes(16)), delete.quick_mode_sas([5])), NOW)
    assert heard.calls == [("pair", 5)]


def test_questions_show_that_the_peer_lives() -> None:
    sa, inbox, heard, _ = boxed()
    inbox.receive(sealed(QUESTION), NOW)
    assert heard.calls == [("lives", NOW)]
    assert len(octets(sa.take_outputs())) == 1


def test_initial_contact() -> None:
    _, inbox, heard, _ = boxed()
    inbox.receive(sealed(CONTACT), NOW)
    assert heard.calls == ["restarted"]


@pytest.mark.parametrize("payload", [QUESTION, CONTACT, REFUSAL, delete.quick_mode_sas([5])])
def test_in_clear_none_of_it_counts(payload: Payload) -> None:
    sa, inbox, heard, main = boxed()
    inbox.receive(in_clear(payload), NOW)
    assert not heard.calls
    assert not octets(sa.take_outputs())
    assert main.failure is None


@pytest.mark.parametrize("payload", [CONTACT, delete.quick_mode_sas([5])])
def test_before_the_peer_has_told_who_it_is_it_ends_nothing(payload: Payload) -> None:
    """The keys are there after message 4, and who has the preshared key can seal with them."""
    _, inbox, heard, _ = boxed(State.SENT_4)
    inbox.receive(sealed(payload), NOW)
    assert not heard.calls


def test_an_answer_to_no_question_is_counted() -> None:
    sa, inbox, heard, _ = boxed()
    answer = NotifyPayload(NotifyType.R_U_THERE_ACK, 1, b"", bytes(4))
    inbox.receive(sealed(answer), NOW)
    assert reasons(sa.take_outputs()) == ["dpd_answer_unexpected"]
    assert not heard.calls


@pytest.mark.parametrize("type_", [NotifyType.CONNECTED, NotifyType.NO_PROPOSAL_CHOSEN, 9999])
def test_what_concerns_nothing_is_counted(type_: int) -> None:
    sa, inbox, _, _ = boxed()
    inbox.receive(sealed(NotifyPayload(type_, ProtocolId.ISAKMP)), NOW)
    assert reasons(sa.take_outputs()) == ["notify_ignored"]


def test_an_authentic_refusal_ends_main_mode() -> None:
    _, inbox, _, main = boxed(State.SENT_5)
    inbox.receive(sealed(NotifyPayload(NotifyType.INVALID_ID_INFORMATION, 1)), NOW)
    assert main.failure is not None
    assert main.failure.notify_name == "INVALID_ID_INFORMATION"


def test_one_in_clear_does_not() -> None:
    sa, inbox, _, main = boxed(State.SENT_5)
    inbox.receive(in_clear(REFUSAL), NOW)
    assert main.failure is None
    assert reasons(sa.take_outputs())[0] == "unauthenticated_notify"


def test_before_keys_nothing_encrypted_can_be_read() -> None:
    sa, inbox, _, _ = boxed(State.SENT_1)
    sa.protection = None
    inbox.receive(sealed(CONTACT), NOW)
    assert reasons(sa.take_outputs()) == ["informational_before_keys"]


def test_an_authentic_message_against_the_rules_is_counted() -> None:
    sa, inbox, _, _ = boxed()
    inbox.receive(sealed(NoncePayload(bytes(16)), NoncePayload(bytes(16))), NOW)
    assert reasons(sa.take_outputs()) == ["informational_refused"]


def test_malformed_in_clear() -> None:
    sa, inbox, _, _ = boxed()
    message = emit_message(COOKIE_I, COOKIE_R, 5, 9, 11, bytes(3))
    inbox.receive(Message.parse(message), NOW)
    assert reasons(sa.take_outputs()) == ["truncated"]
