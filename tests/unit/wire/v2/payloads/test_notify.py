"""Protocol, SPI size, type, SPI, data (RFC 7296 section 3.10)."""

from __future__ import annotations

import pytest

from gatewright.wire.codec import Malformed
from gatewright.wire.v2.payloads.notify import NotifyPayload

OCTETS = bytes.fromhex("03 04 4009 01020304 ff")
VALUE = NotifyPayload(16393, b"\xff", 3, b"\x01\x02\x03\x04")


def test_octets_and_value() -> None:
    assert VALUE.body() == OCTETS
    assert NotifyPayload.parse(OCTETS) == VALUE


@pytest.mark.parametrize(
    "octets", [b"", b"\x00\x00\x00", b"\x03\x04\x40\x09\x01", b"\x03\x11\x40\x09" + bytes(17)]
)
def test_what_is_too_short_or_inconsistent_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed):
        NotifyPayload.parse(octets)


def test_errors_are_told_from_status_by_number_known_or_not() -> None:
    assert NotifyPayload(24).is_error
    assert NotifyPayload(12345).is_error
    assert not NotifyPayload(16384).is_error
    assert not NotifyPayload(40999).is_error


def test_names_for_people() -> None:
    assert NotifyPayload(24).name == "AUTHENTICATION_FAILED (24)"
    assert NotifyPayload(12345).name == "unknown (12345)"
