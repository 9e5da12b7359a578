"""Protocol, size and number of SPIs, SPIs (RFC 7296 section 3.11)."""

from __future__ import annotations

import pytest

from gatewright.wire.codec import Malformed
from gatewright.wire.v2.payloads.delete import DeletePayload

OCTETS = bytes.fromhex("03 04 0002 01020304 05060708")
VALUE = DeletePayload(3, (b"\x01\x02\x03\x04", b"\x05\x06\x07\x08"))


def test_octets_and_value() -> None:
    assert VALUE.body() == OCTETS
    assert DeletePayload.parse(OCTETS) == VALUE


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x03\x04\x00\x01\x01",
        b"\x03\x00\x00\x01",
        b"\x03\x04\x00\x00\x01",
        b"\x03\x04\xff\xff" + bytes(4 * 65535),
    ],
)
def test_what_is_too_short_or_inconsistent_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed):
        DeletePayload.parse(octets)


def test_the_ike_sa_itself_has_no_spi_here() -> None:
    assert DeletePayload(1).body() == bytes.fromhex("01 00 0000")
    assert DeletePayload.parse(bytes.fromhex("01 00 0000")) == DeletePayload(1)
