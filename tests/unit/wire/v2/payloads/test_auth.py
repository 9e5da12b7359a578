"""Method, three reserved octets, data (RFC 7296 section 3.8)."""

from __future__ import annotations

import pytest

from gatewright.wire.codec import Malformed
from gatewright.wire.v2.payloads.auth import AuthPayload

OCTETS = bytes.fromhex("02 000000 aabb")
VALUE = AuthPayload(2, b"\xaa\xbb")


def test_octets_and_value() -> None:
    assert VALUE.body() == OCTETS
    assert AuthPayload.parse(OCTETS) == VALUE


@pytest.mark.parametrize("octets", [b"", b"\x02\x00\x00"])
def test_what_is_too_short_or_inconsistent_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed):
        AuthPayload.parse(octets)
