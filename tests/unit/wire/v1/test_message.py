import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.iana.ikev1 import ExchangeType, PayloadType
from gatewright.wire.codec import Malformed
from gatewright.wire.v1.message import (
    MAX_PAYLOADS,
    Message,
    emit_chain,
    emit_message,
    parse_chain,
)
from gatewright.wire.v1.payloads.hash import HashPayload
from gatewright.wire.v1.payloads.nonce import NoncePayload
from gatewright.wire.v1.payloads.unknown import UnknownPayload
from gatewright.wire.v1.payloads.vendor import VendorIdPayload

HASH = HashPayload(bytes(range(20)))
NONCE = NoncePayload(bytes(16))
VENDOR = VendorIdPayload(b"somebody")


def test_a_chain_goes_both_ways_with_its_octets() -> None:
    octets = emit_chain((HASH, NONCE, VENDOR))
    chain = parse_chain(PayloadType.HASH, octets)
    assert chain.payloads == (HASH, NONCE, VENDOR)
    assert chain.octets == octets
    assert chain.after_first == octets[4 + 20 :]
    assert chain.first(NoncePayload) is chain.payloads[1]
    assert chain.body(chain.payloads[2]) == b"somebody"


def test_padding_is_for_encrypted_messages_alone() -> None:
    octets = emit_chain((HASH, NONCE))
    assert parse_chain(PayloadType.HASH, octets + bytes(5), padded=True).octets == octets
    with pytest.raises(Malformed, match="trailing_octets"):
        parse_chain(PayloadType.HASH, octets + bytes(5))


def test_unknown_payloads_are_kept() -> None:
    chain = parse_chain(200, emit_chain((UnknownPayload(200, b"x"), VENDOR)))
    assert chain.payloads == (UnknownPayload(200, b"x"), VENDOR)


def test_the_number_of_payloads_is_bounded() -> None:
    many = emit_chain((VENDOR,) * MAX_PAYLOADS)
    assert len(parse_chain(PayloadType.VENDOR_ID, many).payloads) == MAX_PAYLOADS
    with pytest.raises(Malformed, match="too_many_payloads"):
        parse_chain(PayloadType.VENDOR_ID, emit_chain((VENDOR,) * (MAX_PAYLOADS + 1)))


def test_a_message_goes_both_ways() -> None:
    body = emit_chain((VENDOR,))
    data = emit_message(
        b"I" * 8, b"R" * 8, ExchangeType.QUICK_MODE, 7, VENDOR.number, body, encrypted=True
    )
    message = Message.parse(data)
    assert message.encrypted
    assert message.header.message_id == 7
    assert message.chain().payloads == (VENDOR,)


def test_another_major_version_is_no_ikev1() -> None:
    data = bytearray(emit_message(b"I" * 8, bytes(8), 2, 0, 0, b""))
    data[17] = 0x20
    with pytest.raises(Malformed, match="not_ikev1"):
        Message.parse(bytes(data))


@given(st.integers(0, 255), st.binary(max_size=300), st.booleans())
def test_whatever_comes_is_parsed_or_malformed(first: int, data: bytes, padded: bool) -> None:
    try:
        chain = parse_chain(first, data, padded=padded)
    except Malformed:
        return
    assert chain.octets == data[: len(chain.octets)]
    assert emit_chain(chain.payloads) is not None


@given(st.data())
def test_a_cut_message_is_malformed(data: st.DataObject) -> None:
    octets = emit_message(b"I" * 8, bytes(8), 2, 0, 8, emit_chain((HASH, NONCE, VENDOR)))
    cut = data.draw(st.integers(0, len(octets) - 1))
    with pytest.raises(Malformed):
        Message.parse(octets[:cut]).chain()
