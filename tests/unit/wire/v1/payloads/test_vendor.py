from gatewright.wire.codec import Reader
from gatewright.wire.v1.payloads.vendor import VendorIdPayload


def test_the_body_is_the_data() -> None:
    payload = VendorIdPayload(b"octets")
    assert payload.number == 13
    assert payload.emit() == b"octets"
    assert VendorIdPayload.parse(13, Reader(b"octets")) == payload
