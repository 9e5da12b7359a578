import pytest

from gatewright.wire.codec import Malformed, Reader
from gatewright.wire.v1.payloads.nonce import NoncePayload


@pytest.mark.parametrize("length", [8, 20, 256])
def test_a_nonce_has_8_to_256_octets(length: int) -> None:
    payload = NoncePayload(bytes(length))
    assert NoncePayload.parse(10, Reader(payload.emit())) == payload


@pytest.mark.parametrize("length", [0, 7, 257])
def test_any_other_length_is_malformed(length: int) -> None:
    with pytest.raises(Malformed, match="nonce_length"):
        NoncePayload.parse(10, Reader(bytes(length)))
