"""Type, then attributes of type, length and value (RFC 7296 section 3.15)."""

from __future__ import annotations

import pytest

from gatewright.wire.codec import Malformed
from gatewright.wire.v2.payloads.config import ConfigPayload

OCTETS = bytes.fromhex("01 000000 0001 0000 0003 0004 08080808")
VALUE = ConfigPayload(1, ((1, b""), (3, b"\x08\x08\x08\x08")))


def test_octets_and_value() -> None:
    assert VALUE.body() == OCTETS
    assert ConfigPayload.parse(OCTETS) == VALUE


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x01\x00\x00\x00\x00",
        b"\x01\0\0\0\x00\x01\x00\x01",
        b"\x01\0\0\0" + b"\x00\x01\x00\x00" * 65,
    ],
)
def test_what_is_too_short_or_inconsistent_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed):
        ConfigPayload.parse(octets)
