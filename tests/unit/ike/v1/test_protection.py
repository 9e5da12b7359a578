"""Judged by negotiations of two strongSwan gateways (tests/vectors/crypto/strongswan)."""

import pytest

from gatewright.crypto.keymat_v1 import (
    PhaseOneKeys,
    informational_hash,
    phase_one_iv,
    quick_hash_1,
    quick_hash_2,
)
from gatewright.iana.ikev1 import ExchangeType
from gatewright.ike.v1.protection import CbcChain, Protection
from gatewright.ipsec.secret import Secret
from gatewright.wire.codec import Malformed
from gatewright.wire.v1.message import Chain, Message, parse_chain
from gatewright.wire.v1.payloads.hash import HashPayload
from gatewright.wire.v1.payloads.identification import IdentificationPayload
from gatewright.wire.v1.payloads.ke import KeyExchangePayload
from gatewright.wire.v1.payloads.nonce import NoncePayload
from tests.support import recordings
from tests.support.recordings import Recording
from tests.unit.ike.v1.builders import protection

RECORDED = [recordings.load(name) for name in recordings.names(1)]


def protection_of(recording: Recording, messages: list[Message]) -> Protection:
    """As main mode has it when message 5 comes."""
    cipher, prf = recording.ike.cipher, recording.ike.prf
    names = ("SKEYID", "SKEYID_d", "SKEYID_a", "SKEYID_e", "encryption key Ka")
    keys = PhaseOneKeys(*(Secret(recording.secrets[name][0]) for name in names))
    publics = []
    for message in messages[2:4]:
        key = message.chain().first(KeyExchangePayload)
        assert key is not None
        publics.append(key.data)
    return Protection(
        prf, cipher, keys, CbcChain(cipher, keys, phase_one_iv(prf, cipher, *publics))
    )


def opened(chain: CbcChain, message: Message) -> Chain:
    plaintext = chain.open(message.body)
    chain.accept(message.body)
    return parse_chain(message.header.next_payload, plaintext, padded=True)


@pytest.mark.parametrize("recording", RECORDED, ids=lambda each: each.name)
def test_every_message_of_a_recorded_negotiation_opens(recording: Recording) -> None:
    messages = [Message.parse(octets) for octets in recording.messages]
    secured = protection_of(recording, messages)
    for message in messages[4:6]:
        chain = opened(secured.main, message)
        assert chain.first(IdentificationPayload) is not None
        assert chain.first(HashPayload) is not None
    quick = [each for each in messages if each.header.exchange == ExchangeType.QUICK_MODE]
    exchange = secured.chain(quick[0].header.message_id)
    first, second, _ = (opened(exchange, each) for each in quick)
    message_id = quick[0].header.message_id
    nonce = first.first(NoncePayload)
    assert nonce is not None
    assert first.first(HashPayload) == HashPayload(
        quick_hash_1(secured.prf, secured.keys, message_id, first.after_first)
    )
    assert second.first(HashPayload) == HashPayload(
        quick_hash_2(secured.prf, secured.keys, message_id, nonce.data, second.after_first)
    )


@pytest.mark.parametrize("recording", RECORDED, ids=lambda each: each.name)
def test_informational_messages_begin_a_chain_of_their_own(recording: Recording) -> None:
    messages = [Message.parse(octets) for octets in recording.messages]
    secured = protection_of(recording, messages)
    for message in messages[4:6]:
        secured.main.accept(message.body)
    informational = [
        each for each in messages if each.header.exchange == ExchangeType.INFORMATIONAL
    ]
    assert len(informational) == 2
    for message in reversed(informational):
        message_id = message.header.message_id
        chain = opened(secured.chain(message_id), message)
        assert chain.first(HashPayload) == HashPayload(
            informational_hash(secured.prf, secured.keys, message_id, chain.after_first)
        )


def test_what_is_sealed_opens_and_moves_the_chain() -> None:
    ours, theirs = protection().chain(7), protection().chain(7)
    for plaintext in (b"first message...", b"second"):
        ciphertext = ours.seal(plaintext)
        assert theirs.open(ciphertext).rstrip(b"\x00") == plaintext
        theirs.accept(ciphertext)


def test_a_message_that_is_not_accepted_does_not_move_the_chain() -> None:
    ours, theirs = protection().chain(7), protection().chain(7)
    theirs.open(bytes(32))
    assert theirs.open(ours.seal(b"genuine")).startswith(b"genuine")


@pytest.mark.parametrize("length", [0, 1, 15, 17])
def test_only_whole_blocks_open(length: int) -> None:
    with pytest.raises(Malformed, match="not_whole_blocks"):
        protection().chain(7).open(bytes(length))
