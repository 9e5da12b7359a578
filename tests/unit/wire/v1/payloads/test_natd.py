import pytest

from gatewright.wire.codec import Reader
from gatewright.wire.v1.payloads.natd import NatDiscoveryPayload


@pytest.mark.parametrize("number", [20, 130])
def test_the_number_is_that_of_the_dialect(number: int) -> None:
    payload = NatDiscoveryPayload.parse(number, Reader(b"hash"))
    assert payload == NatDiscoveryPayload(b"hash", number)
    assert payload.emit() == b"hash"
