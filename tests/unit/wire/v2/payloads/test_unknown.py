"""What is not understood is kept, and says whether it must be."""

from __future__ import annotations

from gatewright.wire.v2.payloads.unknown import UnknownPayload


def test_octets_come_back() -> None:
    payload = UnknownPayload(200, b"\x01", critical=True)
    assert (payload.payload_type, payload.body(), payload.critical) == (200, b"\x01", True)
    assert not UnknownPayload(200, b"").critical
