import pytest

from gatewright.wire.codec import Malformed, Reader
from gatewright.wire.v1.payloads.identification import IdentificationPayload


def test_a_subnet_as_a_2003_gateway_writes_it() -> None:
    payload = IdentificationPayload(4, 0, 0, bytes([192, 168, 10, 0, 255, 255, 255, 0]))
    assert payload.emit() == bytes.fromhex("04000000c0a80a00ffffff00")
    assert IdentificationPayload.parse(5, Reader(payload.emit())) == payload


def test_protocol_and_port_stand_between_type_and_data() -> None:
    payload = IdentificationPayload.parse(5, Reader(bytes.fromhex("0111 01f4 cb007101")))
    assert (payload.id_type, payload.protocol, payload.port) == (1, 17, 500)
    assert payload.data == bytes([203, 0, 113, 1])


def test_a_short_body_is_malformed() -> None:
    with pytest.raises(Malformed, match="truncated"):
        IdentificationPayload.parse(5, Reader(b"\x01\x11\x01"))
