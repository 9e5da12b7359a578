from gatewright.wire.codec import Reader
from gatewright.wire.v1.payloads.ke import KeyExchangePayload


def test_the_body_is_the_data() -> None:
    payload = KeyExchangePayload(b"octets")
    assert payload.number == 4
    assert payload.emit() == b"octets"
    assert KeyExchangePayload.parse(4, Reader(b"octets")) == payload
