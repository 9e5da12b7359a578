import pytest

from gatewright.iana.ikev1 import ProtocolId
from gatewright.wire.codec import Malformed, Reader
from gatewright.wire.v1.payloads.delete import MAX_SPIS, DeletePayload


def test_several_spis_go_both_ways() -> None:
    payload = DeletePayload(ProtocolId.ESP, (b"\x00\x00\x10\x01", b"\x00\x00\x10\x02"))
    assert payload.emit() == bytes.fromhex("00000001 03 04 0002 00001001 00001002")
    assert DeletePayload.parse(12, Reader(payload.emit())) == payload


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("00000001 03 04 0002 00001001", "truncated"),
        ("00000001 03 04 0001 00001001 ff", "trailing_octets"),
        ("00000001 03 00 ffff", "too_many_spis"),
        ("00000001 03 00 0100", "empty_delete"),
        ("00000001 03 04 0000", "empty_delete"),
    ],
)
def test_counts_that_lie_are_malformed(octets: str, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        DeletePayload.parse(12, Reader(bytes.fromhex(octets)))
    assert caught.value.reason == reason


def test_the_number_of_spis_is_bounded() -> None:
    octets = bytes.fromhex("00000001 03 01") + (MAX_SPIS + 1).to_bytes(2, "big")
    with pytest.raises(Malformed, match="too_many_spis"):
        DeletePayload.parse(12, Reader(octets + bytes(MAX_SPIS + 1)))
