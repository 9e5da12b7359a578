"""The header and the chain of payloads (RFC 7296 sections 3.1 and 3.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.iana.ikev2 import ExchangeType, PayloadType
from gatewright.wire.codec import Malformed
from gatewright.wire.isakmp import HEADER_LENGTH, NO_SPI, Header
from gatewright.wire.v2.message import (
    MAX_PAYLOADS,
    Head,
    Message,
    Payload,
    emit_chain,
    emit_message,
    encrypted_prefix,
    parse_chain,
    select,
)
from gatewright.wire.v2.payloads.encrypted import EncryptedPayload
from gatewright.wire.v2.payloads.nonce import NoncePayload
from gatewright.wire.v2.payloads.notify import NotifyPayload
from gatewright.wire.v2.payloads.unknown import UnknownPayload
from gatewright.wire.v2.payloads.vendor import VendorPayload

SPI_I = bytes.fromhex("0102030405060708")
HEAD = Head(SPI_I, NO_SPI, ExchangeType.IKE_SA_INIT, 0, from_initiator=True, response=False)
PAYLOADS: list[Payload] = [NotifyPayload(16388, b"hash"), VendorPayload(b"name")]
OCTETS = bytes.fromhex(
    "0102030405060708 0000000000000000 29 20 22 08 00000000 00000030"
    "2b 00 000c 00 00 4004 68617368"
    "00 00 0008 6e616d65"
)


def test_the_octets_of_a_message() -> None:
    assert emit_message(HEAD, PAYLOADS) == OCTETS
    message = Message.parse(OCTETS)
    assert message.payloads == tuple(PAYLOADS)
    assert (message.from_initiator, message.is_response) == (True, False)


def test_flags_tell_who_sent_it() -> None:
    head = Head(SPI_I, SPI_I, ExchangeType.INFORMATIONAL, 7, from_initiator=False, response=True)
    header = Header.parse(emit_message(head, []))
    assert (header.flags, header.message_id, header.major, header.minor) == (0x20, 7, 2, 0)
    assert Message.parse(emit_message(head, [])).payloads == ()


def test_payloads_of_one_class_in_order() -> None:
    payloads: list[Payload] = [NotifyPayload(1), VendorPayload(b""), NotifyPayload(2)]
    assert select(payloads, NotifyPayload) == (NotifyPayload(1), NotifyPayload(2))


def test_an_unknown_payload_keeps_its_octets_and_the_critical_bit() -> None:
    for critical in (False, True):
        unknown = UnknownPayload(200, b"new", critical)
        assert Message.parse(emit_message(HEAD, [unknown])).payloads == (unknown,)


def test_the_critical_bit_of_a_known_payload_is_ignored() -> None:
    octets = bytearray(emit_message(HEAD, [VendorPayload(b"name")]))
    octets[HEADER_LENGTH + 1] = 0x80
    assert Message.parse(bytes(octets)).payloads == (VendorPayload(b"name"),)


def test_an_encrypted_payload_ends_the_message_and_stays_closed() -> None:
    sealed = EncryptedPayload(PayloadType.IDI, b"sealed octets")
    octets = emit_message(HEAD, [sealed])
    assert Message.parse(octets).payloads == (sealed,)
    prefix = encrypted_prefix(HEAD, PayloadType.IDI, len(sealed.octets))
    assert prefix + sealed.octets == octets
    with pytest.raises(Malformed):
        Message.parse(_with_length(octets + b"\0"))


def test_no_encrypted_payload_inside_another() -> None:
    first, chain = emit_chain([EncryptedPayload(PayloadType.NONCE, b"x")])
    with pytest.raises(Malformed) as caught:
        parse_chain(first, chain)
    assert caught.value.reason == "nested_encryption"


def _with_length(octets: bytes) -> bytes:
    return octets[:24] + len(octets).to_bytes(4, "big") + octets[28:]


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (OCTETS[:27], "header_truncated"),
        (OCTETS + b"\0", "length_mismatch"),
        (_with_length(OCTETS + b"\0"), "trailing_octets"),
        (_with_length(OCTETS[:-1]), "truncated"),
        (OCTETS[:17] + b"\x10" + OCTETS[18:], "major_version"),
        (OCTETS[:30] + b"\x00\x03" + OCTETS[32:], "truncated"),
        (OCTETS[:30] + b"\xff\xff" + OCTETS[32:], "truncated"),
        (bytes(8) + OCTETS[8:], "zero_initiator_spi"),
    ],
)
def test_inconsistent_octets_are_malformed(octets: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        Message.parse(octets)
    assert caught.value.reason == reason


def test_payloads_are_counted() -> None:
    many = [VendorPayload(b"")] * (MAX_PAYLOADS + 1)
    assert len(Message.parse(emit_message(HEAD, many[1:])).payloads) == MAX_PAYLOADS
    with pytest.raises(Malformed) as caught:
        Message.parse(emit_message(HEAD, many))
    assert caught.value.reason == "too_many_payloads"


@given(st.integers(0, 255), st.binary(max_size=400))
def test_random_chains_raise_nothing_but_malformed(first: int, octets: bytes) -> None:
    try:
        payloads = parse_chain(first, octets)
    except Malformed:
        return
    kind, again = emit_chain(payloads)
    assert kind == first or not payloads
    assert parse_chain(kind, again) == payloads


@given(st.binary(min_size=16, max_size=256))
def test_a_nonce_survives(nonce: bytes) -> None:
    octets = emit_message(HEAD, [NoncePayload(nonce)])
    assert Message.parse(octets).payloads == (NoncePayload(nonce),)
