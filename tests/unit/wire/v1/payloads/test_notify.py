import pytest

from gatewright.iana.ikev1 import NotifyType, ProtocolId
from gatewright.wire.codec import Malformed, Reader
from gatewright.wire.v1.payloads.notify import NotifyPayload


def test_initial_contact_names_the_isakmp_sa() -> None:
    payload = NotifyPayload(NotifyType.INITIAL_CONTACT, ProtocolId.ISAKMP, b"I" * 8 + b"R" * 8)
    assert payload.emit() == bytes.fromhex("00000001 01 10 6002") + b"I" * 8 + b"R" * 8
    assert NotifyPayload.parse(11, Reader(payload.emit())) == payload


def test_data_stands_behind_the_spi() -> None:
    payload = NotifyPayload.parse(11, Reader(bytes.fromhex("00000001 03 04 000e 12345678 aabb")))
    assert (payload.spi, payload.data) == (bytes.fromhex("12345678"), b"\xaa\xbb")


def test_an_spi_longer_than_the_payload_is_malformed() -> None:
    with pytest.raises(Malformed, match="truncated"):
        NotifyPayload.parse(11, Reader(bytes.fromhex("00000001 03 08 000e 12345678")))
