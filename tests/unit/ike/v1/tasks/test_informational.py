import hmac

import pytest

from gatewright.iana.ikev1 import NotifyType, ProtocolId
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.peer import Peer
from gatewright.ike.v1.tasks.informational import Informational, Unauthentic
from gatewright.wire.v1.message import Message, emit_chain, emit_message, parse_chain
from gatewright.wire.v1.payloads.delete import DeletePayload
from gatewright.wire.v1.payloads.hash import HashPayload
from gatewright.wire.v1.payloads.nonce import NoncePayload
from gatewright.wire.v1.payloads.notify import NotifyPayload
from tests.unit.ike.v1.builders import COOKIE_I, COOKIE_R, NOW, core, octets, protection

NOTIFY = NotifyPayload(NotifyType.INITIAL_CONTACT, ProtocolId.ISAKMP, COOKIE_I + COOKIE_R)


def sent_by_a() -> bytes:
    sa = core()
    Informational(sa).send((NOTIFY,))
    (message,) = octets(sa.take_outputs())
    return message


def test_what_one_sends_the_other_opens() -> None:
    chain = Informational(core(is_initiator=False)).open(Message.parse(sent_by_a()))
    assert chain.all(NotifyPayload) == (NOTIFY,)


def test_the_same_message_is_taken_once() -> None:
    informational = Informational(core(is_initiator=False))
    message = Message.parse(sent_by_a())
    informational.open(message)
    with pytest.raises(Unauthentic) as caught:
        informational.open(message)
    assert caught.value.reason == "informational_repeated"


def test_a_message_of_ours_that_comes_back_is_not_the_peer_s() -> None:
    """Both directions have the same keys: only its number tells that we sent it."""
    sa = core()
    informational = Informational(sa)
    informational.send((NOTIFY,))
    (message,) = octets(sa.take_outputs())
    with pytest.raises(Unauthentic) as caught:
        informational.open(Message.parse(message))
    assert caught.value.reason == "informational_number_is_ours"


def altered(position: int) -> Message:
    message = bytearray(sent_by_a())
    message[position] ^= 1
    return Message.parse(bytes(message))


@pytest.mark.parametrize("position", [23, 28, 50, -1])
def test_a_changed_message_is_not_the_peer_s(position: int) -> None:
    with pytest.raises(Unauthentic):
        Informational(core(is_initiator=False)).open(altered(position))


def test_a_forged_message_does_not_use_up_its_number() -> None:
    informational = Informational(core(is_initiator=False))
    with pytest.raises(Unauthentic):
        informational.open(altered(-1))
    informational.open(Message.parse(sent_by_a()))


@pytest.mark.parametrize(
    ("payloads", "reason"),
    [
        ((NOTIFY,), "informational_without_hash"),
        ((HashPayload(bytes(32)), NOTIFY), "informational_wrong_hash"),
    ],
)
def test_the_hash_is_what_counts(payloads: tuple[NotifyPayload, ...], reason: str) -> None:
    body = protection().chain(7).seal(emit_chain(payloads))
    message = emit_message(COOKIE_I, COOKIE_R, 5, 7, payloads[0].number, body, encrypted=True)
    with pytest.raises(Unauthentic) as caught:
        Informational(core(is_initiator=False)).open(Message.parse(message))
    assert caught.value.reason == reason


def test_a_reliable_delete_is_acknowledged_in_the_same_exchange() -> None:
    """MS-IKEE section 3.8.5.1; computed here a second time, from the text."""
    nonce, delete = NoncePayload(bytes(range(16))), DeletePayload(3, (b"\x00\x00\x10\x00",))
    sa = core()
    Informational(sa).send((nonce, delete))
    first = Message.parse(octets(sa.take_outputs())[0])
    receiver = core(is_initiator=False)
    informational = Informational(receiver)
    informational.acknowledge(first, informational.open(first))
    answer = Message.parse(octets(receiver.take_outputs())[0])
    assert answer.header.message_id == first.header.message_id
    exchange = protection().chain(first.header.message_id)
    exchange.accept(first.body)
    chain = parse_chain(8, exchange.open(answer.body), padded=True)
    assert chain.all(DeletePayload) == (delete,)
    message_id = first.header.message_id.to_bytes(4, "big")
    expected = hmac.digest(bytes([2]) * 32, nonce.data + message_id + chain.after_first, "sha256")
    assert chain.payloads[0] == HashPayload(expected)


def test_others_are_not() -> None:
    receiver = core(is_initiator=False)
    informational = Informational(receiver)
    message = Message.parse(sent_by_a())
    informational.acknowledge(message, informational.open(message))
    assert not receiver.take_outputs()


DELETE = DeletePayload(3, (b"\x00\x00\x10\x00",))
OURS = Peer(product="Gatewright")


def deleting() -> tuple[Core, Informational, bytes]:
    sa = core(peer=OURS)
    informational = Informational(sa)
    informational.send_delete(DELETE, NOW)
    (message,) = octets(sa.take_outputs())
    return sa, informational, message


def acknowledged(message: bytes) -> tuple[Core, Informational, bytes]:
    receiver = core(is_initiator=False)
    informational = Informational(receiver)
    received = Message.parse(message)
    informational.acknowledge(received, informational.open(received))
    (answer,) = octets(receiver.take_outputs())
    return receiver, informational, answer


def test_a_delete_is_repeated_until_it_is_acknowledged() -> None:
    sa, informational, message = deleting()
    assert not informational.idle
    assert informational.next_timeout() == NOW + 1
    informational.handle_timeout(NOW + 1)
    assert octets(sa.take_outputs()) == [message]
    _, _, answer = acknowledged(message)
    assert informational.take_acknowledgement(Message.parse(answer))
    assert informational.idle
    assert informational.next_timeout() is None
    assert not informational.take_acknowledgement(Message.parse(answer))


def test_a_forged_acknowledgement_changes_nothing() -> None:
    _, informational, message = deleting()
    _, _, answer = acknowledged(message)
    for position in (28, 70, -1):
        forged = bytearray(answer)
        forged[position] ^= 1
        assert informational.take_acknowledgement(Message.parse(bytes(forged)))
        assert not informational.idle
    assert informational.take_acknowledgement(Message.parse(answer))
    assert informational.idle


def test_it_is_not_repeated_for_ever() -> None:
    sa, informational, message = deleting()
    while (due := informational.next_timeout()) is not None:
        informational.handle_timeout(due)
    assert octets(sa.take_outputs()) == [message] * 4
    assert informational.idle


def test_a_repeated_delete_is_acknowledged_again() -> None:
    _, _, message = deleting()
    receiver, informational, answer = acknowledged(message)
    with pytest.raises(Unauthentic):
        informational.open(Message.parse(message))
    assert octets(receiver.take_outputs()) == [answer]


def test_other_peers_get_a_plain_delete() -> None:
    sa = core()
    informational = Informational(sa)
    informational.send_delete(DELETE, NOW)
    (message,) = octets(sa.take_outputs())
    chain = Informational(core(is_initiator=False)).open(Message.parse(message))
    assert chain.payloads[1:] == (DELETE,)
    assert informational.idle
