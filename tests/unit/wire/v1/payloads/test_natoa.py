from ipaddress import ip_address

import pytest

from gatewright.wire.codec import Malformed, Reader
from gatewright.wire.v1.payloads.natoa import NatOriginalAddressPayload


@pytest.mark.parametrize("number", [21, 131])
@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_both_families_in_both_dialects(number: int, address: str) -> None:
    payload = NatOriginalAddressPayload(ip_address(address), number)
    assert NatOriginalAddressPayload.parse(number, Reader(payload.emit())) == payload


@pytest.mark.parametrize("octets", ["01000000c00002", "05000000c0000201", "02000000c0000201"])
def test_type_and_length_must_agree(octets: str) -> None:
    with pytest.raises(Malformed, match="original_address"):
        NatOriginalAddressPayload.parse(21, Reader(bytes.fromhex(octets)))
