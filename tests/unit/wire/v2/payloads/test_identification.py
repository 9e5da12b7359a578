"""Type, three reserved octets, data (RFC 7296 section 3.5)."""

from __future__ import annotations

import pytest

from gatewright.iana.ikev2 import IdType, PayloadType
from gatewright.wire.codec import Malformed
from gatewright.wire.v2.payloads.identification import IdPayload

OCTETS = bytes.fromhex("01 000000 cb007101")


def test_octets_and_value() -> None:
    value = IdPayload(PayloadType.IDI, IdType.ID_IPV4_ADDR, bytes([203, 0, 113, 1]))
    assert value.body() == OCTETS
    assert IdPayload.parse_initiator(OCTETS) == value
    assert IdPayload.parse_responder(OCTETS).payload_type == PayloadType.IDR


def test_reserved_octets_come_back_as_they_came_because_they_are_signed() -> None:
    strange = bytes.fromhex("01 a1b2c3 cb007101")
    assert IdPayload.parse_initiator(strange).body() == strange


def test_what_is_too_short_is_malformed() -> None:
    with pytest.raises(Malformed):
        IdPayload.parse_initiator(b"\x01\x00\x00")
