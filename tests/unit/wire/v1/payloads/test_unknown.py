from gatewright.wire.codec import Reader
from gatewright.wire.v1.payloads.unknown import UnknownPayload


def test_number_and_octets_are_kept() -> None:
    payload = UnknownPayload.parse(132, Reader(b"fragment"))
    assert payload == UnknownPayload(132, b"fragment")
    assert payload.emit() == b"fragment"
