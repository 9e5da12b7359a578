"""Sixteen to 256 octets (RFC 7296 section 3.9)."""

from __future__ import annotations

import pytest

from gatewright.wire.codec import Malformed
from gatewright.wire.v2.payloads.nonce import NoncePayload

OCTETS = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
VALUE = NoncePayload(bytes(range(16)))


def test_octets_and_value() -> None:
    assert VALUE.body() == OCTETS
    assert NoncePayload.parse(OCTETS) == VALUE


@pytest.mark.parametrize("octets", [b"", bytes(15), bytes(257)])
def test_what_is_too_short_or_inconsistent_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed):
        NoncePayload.parse(octets)
