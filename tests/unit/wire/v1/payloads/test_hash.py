from gatewright.wire.codec import Reader
from gatewright.wire.v1.payloads.hash import HashPayload


def test_the_body_is_the_data() -> None:
    payload = HashPayload(b"octets")
    assert payload.number == 8
    assert payload.emit() == b"octets"
    assert HashPayload.parse(8, Reader(b"octets")) == payload
