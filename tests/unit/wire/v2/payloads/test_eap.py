"""Opaque octets, kept as they came."""

from __future__ import annotations

from gatewright.wire.v2.payloads.eap import EapPayload


def test_octets_and_value() -> None:
    assert EapPayload.parse(b"\x01\x02").message == b"\x01\x02"
    assert EapPayload(b"\x01\x02").body() == b"\x01\x02"
    assert EapPayload.parse(b"") == EapPayload(b"")
