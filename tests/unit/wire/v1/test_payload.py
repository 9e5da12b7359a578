import pytest

from gatewright.wire.codec import Malformed, Reader
from gatewright.wire.v1.payload import read_generic_header, with_generic_header


def test_header_and_body_go_both_ways() -> None:
    octets = with_generic_header(13, b"abc")
    assert octets == bytes.fromhex("0d000007") + b"abc"
    following, body = read_generic_header(Reader(octets), "hash")
    assert (following, body.rest()) == (13, b"abc")


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("0d010004", "reserved_not_zero"),
        ("0d000003", "payload_too_short"),
        ("0d000005", "truncated"),
        ("0d00", "truncated"),
    ],
)
def test_a_wrong_header_is_malformed(octets: str, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_generic_header(Reader(bytes.fromhex(octets)), "hash")
    assert caught.value.reason == reason
