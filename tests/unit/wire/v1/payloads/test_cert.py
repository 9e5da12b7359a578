from gatewright.wire.codec import Reader
from gatewright.wire.v1.payloads.cert import CertificatePayload, CertificateRequestPayload


def test_encoding_stands_before_the_certificate() -> None:
    payload = CertificatePayload(4, b"der")
    assert payload.emit() == b"\x04der"
    assert CertificatePayload.parse(6, Reader(b"\x04der")) == payload


def test_a_request_may_name_no_authority() -> None:
    payload = CertificateRequestPayload.parse(7, Reader(b"\x04"))
    assert payload == CertificateRequestPayload(4, b"")
    assert payload.emit() == b"\x04"
