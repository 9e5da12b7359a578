"""One side of main mode at a time; whole exchanges stand in tests/exchange/v1."""

from __future__ import annotations

import pytest

from gatewright.iana.ikev1 import NotifyType
from gatewright.ike.machine import Datagram
from gatewright.ike.outputs import Fault, KeysDerived, NegotiationFailed
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.states import State
from gatewright.ike.v1.tasks.main_mode import MainMode
from gatewright.wire.isakmp import NO_SPI
from gatewright.wire.v1.message import Message
from gatewright.wire.v1.payloads.notify import NotifyPayload
from tests.unit.ike.v1.builders import NOW, core, datagram, octets, reasons, sent, told


class Side:
    """A main mode and what it said."""

    def __init__(self, *, is_initiator: bool, first_contact: bool = True) -> None:
        self.core: Core = core(state=State.IDLE, is_initiator=is_initiator, seed=is_initiator)
        self.core.protection = self.core.choice = None
        if is_initiator:
            self.core.cookie_r = NO_SPI
        self.main = MainMode(self.core, NOW, lambda: first_contact)

    def take(self, payload: bytes, now: float = NOW) -> list[bytes]:
        received: Datagram = datagram(payload, to_initiator=self.core.is_initiator)
        self.main.receive(Message.parse(payload), received, now)
        self.outputs = self.core.take_outputs()
        return octets(self.outputs)


def begin() -> tuple[Side, Side, bytes]:
    a, b = Side(is_initiator=True), Side(is_initiator=False)
    a.main.start(NOW)
    (first,) = octets(a.core.take_outputs())
    return a, b, first


def up_to(number: int) -> tuple[Side, Side, bytes]:
    """Both sides, and message ``number`` that has not been taken yet."""
    a, b, message = begin()
    for count in range(1, number):
        (message,) = (b if count % 2 else a).take(message)
    return a, b, message


def test_both_sides_walk_through_the_table() -> None:
    a, b, sixth = up_to(6)
    assert a.take(sixth) == []
    assert a.core.state is b.core.state is State.ESTABLISHED
    assert (a.core.peer_identity, b.core.peer_identity) == ("203.0.113.2", "203.0.113.1")
    assert b.main.initial_contact
    assert not a.main.initial_contact
    assert a.core.secured.keys == b.core.secured.keys


def test_a_repeated_message_is_answered_again_by_the_responder_alone() -> None:
    a, b, third = up_to(3)
    (fourth,) = b.take(third)
    assert b.take(third) == [fourth]
    assert reasons(b.outputs) == ["main_mode_message_repeated"]
    (fifth,) = a.take(fourth)
    assert a.take(fourth) == []
    (sixth,) = b.take(fifth)
    assert b.take(fifth) == [sixth]  # also when it is established


def test_a_message_out_of_order_changes_nothing() -> None:
    _, b, fifth = up_to(5)
    fresh = Side(is_initiator=False)
    assert fresh.take(fifth) == []
    assert reasons(fresh.outputs) == ["main_mode_message_unexpected"]
    assert fresh.core.state is State.IDLE
    assert b.core.state.name == "SENT_4"


def test_the_initiator_repeats_and_gives_up() -> None:
    a, _, first = begin()
    times = []
    while a.main.failure is None:
        due = a.main.next_timeout()
        assert due is not None
        a.main.handle_timeout(due)
        times.append(due - NOW)
    assert times == [1, 3, 7, 15, 31]
    assert octets(a.core.take_outputs()) == [first] * 4
    assert a.main.failure.fault is Fault.TIMEOUT
    assert a.main.next_timeout() is None


def test_the_responder_waits_for_its_time_and_forgets() -> None:
    _, b, third = up_to(3)
    assert b.main.next_timeout() == NOW + 30
    b.main.handle_timeout(NOW + 29)
    assert b.core.state.name == "SENT_2"
    b.main.handle_timeout(NOW + 30)
    assert b.core.state.name == "CLOSED"
    outputs = b.core.take_outputs()
    assert reasons(outputs) == ["half_open_expired"]
    assert not told(outputs, NegotiationFailed)  # nobody proved to be there
    assert third


def test_a_responder_that_got_message_3_tells_of_the_silence() -> None:
    _, b, _ = up_to(5)
    b.core.take_outputs()
    b.main.handle_timeout(NOW + 30)
    (failure,) = told(b.core.take_outputs(), NegotiationFailed)
    assert failure.fault is Fault.TIMEOUT


def test_a_bad_public_value_is_refused_and_a_good_one_still_taken() -> None:
    _, b, third = up_to(3)
    bad = bytearray(third)
    bad[32:96] = bytes(64)  # not on the curve
    (answer,) = b.take(bytes(bad))
    notify = Message.parse(answer).chain().first(NotifyPayload)
    assert notify is not None
    assert notify.type == NotifyType.INVALID_KEY_INFORMATION
    assert told(b.outputs, NegotiationFailed)[0].notify == "INVALID_KEY_INFORMATION"
    assert b.core.state.name == "SENT_2"
    b.take(third)
    assert b.core.state.name == "SENT_4"


def test_an_answer_that_was_not_offered_is_only_a_suspicion() -> None:
    a, _, second = up_to(2)
    bad = bytearray(second)
    position = bytes(bad).index(bytes.fromhex("80020004"))  # hash SHA-256
    bad[position + 3] = 2
    assert a.take(bytes(bad)) == []
    assert a.core.state.name == "SENT_1"
    assert reasons(a.outputs) == ["main_mode_message_refused"]
    a.take(second)
    assert a.core.state.name == "SENT_3"


def test_a_suspicion_becomes_the_explanation() -> None:
    a, _, second = up_to(2)
    bad = bytearray(second)
    position = bytes(bad).index(bytes.fromhex("80020004"))
    bad[position + 3] = 2
    a.take(bytes(bad))
    for seconds in (1, 3):
        a.main.handle_timeout(NOW + seconds)
    assert a.main.failure is not None
    assert "here sha256, there sha1" in a.main.failure.explanation


@pytest.mark.parametrize("number", [5, 6])
def test_a_message_of_another_key(number: int) -> None:
    a, b, message = up_to(number)
    side = b if number == 5 else a
    garbage = message[:28] + bytes(len(message) - 28)
    side.take(garbage)
    assert not side.core.usable
    assert "main_mode_message_refused" in reasons(side.outputs)
    side.take(message)
    assert side.core.usable


def test_a_changed_hash_is_no_matter_of_the_key() -> None:
    """Message 5 is made with the right keys over another offer than B remembers."""
    a, b, fifth = up_to(5)
    b.main._sa_body += b"\x00"
    b.take(fifth)
    (failure,) = told(b.outputs, NegotiationFailed)
    assert failure.notify == "INVALID_HASH_INFORMATION"
    assert "though the preshared key is right" in failure.explanation
    assert a.core.state is State.SENT_5


def test_initial_contact_only_when_it_is_one() -> None:
    a, b = Side(is_initiator=True, first_contact=False), Side(is_initiator=False)
    a.main.start(NOW)
    (message,) = octets(a.core.take_outputs())
    for side in (b, a, b, a, b):
        (message,) = side.take(message)
    assert not b.main.initial_contact


def test_keys_are_exported_on_request() -> None:
    a, _, fourth = up_to(4)
    object.__setattr__(a.core.context, "export_keys", True)
    a.take(fourth)
    (keys,) = told(a.outputs, KeysDerived)
    assert keys.sk_ei == a.core.secured.keys.encryption_key
    assert (keys.cipher, keys.integrity, keys.version) == ("aes-128-cbc", "hmac-sha256", 1)
    assert keys.spi_i == a.core.cookie_i.hex()
    assert (len(keys.sk_er), len(keys.sk_ai)) == (0, 0)
    assert sent(a.outputs)[0].encrypted
