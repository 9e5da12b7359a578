"""The SK payload, closed."""

from __future__ import annotations

from gatewright.iana.ikev2 import PayloadType
from gatewright.wire.v2.payloads.encrypted import EncryptedPayload


def test_it_knows_the_first_payload_inside_and_its_octets() -> None:
    payload = EncryptedPayload(PayloadType.IDI, b"sealed")
    assert payload.payload_type == PayloadType.SK
    assert (payload.first, payload.body()) == (PayloadType.IDI, b"sealed")
