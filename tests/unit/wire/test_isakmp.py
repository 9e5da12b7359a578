from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.wire.codec import Malformed
from gatewright.wire.isakmp import HEADER_LENGTH, Header

HEADER = Header(b"\1" * 8, b"\2" * 8, 33, 2, 0, 34, 8, 7, HEADER_LENGTH)


def test_emit_and_parse_are_inverse() -> None:
    octets = HEADER.emit()
    assert octets.hex() == "01" * 8 + "02" * 8 + "21202208" + "00000007" + "0000001c"
    assert Header.parse(octets) == HEADER


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "header_truncated"),
        (HEADER.emit()[:-1], "header_truncated"),
        (HEADER.emit() + b"x", "length_mismatch"),
        (bytes(8) + HEADER.emit()[8:], "zero_initiator_spi"),
    ],
)
def test_what_is_no_header_is_named(octets: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        Header.parse(octets)
    assert caught.value.reason == reason


@given(st.binary(max_size=60))
def test_any_octets_give_a_header_or_malformed(octets: bytes) -> None:
    with suppress(Malformed):
        assert Header.parse(octets).emit() == octets[:HEADER_LENGTH]
