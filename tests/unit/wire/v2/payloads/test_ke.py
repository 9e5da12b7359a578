"""Group, two reserved octets, public value (RFC 7296 section 3.4)."""

from __future__ import annotations

import pytest

from gatewright.wire.codec import Malformed
from gatewright.wire.v2.payloads.ke import KePayload

OCTETS = bytes.fromhex("001f 0000 0102")
VALUE = KePayload(31, b"\x01\x02")


def test_octets_and_value() -> None:
    assert VALUE.body() == OCTETS
    assert KePayload.parse(OCTETS) == VALUE


@pytest.mark.parametrize("octets", [b"", b"\x00\x1f", b"\x00\x1f\x00\x00"])
def test_what_is_too_short_or_inconsistent_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed):
        KePayload.parse(octets)
