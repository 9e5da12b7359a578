"""Opaque octets, kept as they came."""

from __future__ import annotations

from gatewright.wire.v2.payloads.vendor import VendorPayload


def test_octets_and_value() -> None:
    assert VendorPayload.parse(b"\x01\x02").vendor == b"\x01\x02"
    assert VendorPayload(b"\x01\x02").body() == b"\x01\x02"
    assert VendorPayload.parse(b"") == VendorPayload(b"")
