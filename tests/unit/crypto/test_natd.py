from __future__ import annotations

from ipaddress import ip_address

import pytest

from gatewright.crypto.natd import nat_hash_v1, nat_hash_v2
from gatewright.iana.algorithms import PRF_BY_NAME
from tests.support.recordings import load, names, payloads_of

INITIATOR, RESPONDER = ip_address("203.0.113.1"), ip_address("203.0.113.2")
NOTIFY, NAT_DETECTION_DESTINATION_IP = 41, 16389
NAT_D = 20


@pytest.mark.parametrize("name", names(2))
def test_destination_hash_as_strongswan(name: str) -> None:
    recording = load(name)
    for message, spi_r, destination in (
        (recording.messages[0], bytes(8), RESPONDER),
        (recording.messages[1], recording.spi_r, INITIATOR),
    ):
        (sent,) = [
            payload.body[4:]
            for payload in payloads_of(message)
            if payload.type == NOTIFY
            and int.from_bytes(payload.body[2:4], "big") == NAT_DETECTION_DESTINATION_IP
        ]
        assert nat_hash_v2(recording.spi_i, spi_r, destination, 500) == sent


@pytest.mark.parametrize("name", names(1))
def test_version_1_destination_hash_as_strongswan(name: str) -> None:
    """RFC 3947 section 3.2: the first NAT-D payload is that of the destination."""
    recording = load(name)
    for message, destination in (
        (recording.messages[2], RESPONDER),
        (recording.messages[3], INITIATOR),
    ):
        sent = next(payload.body for payload in payloads_of(message) if payload.type == NAT_D)
        spis = (recording.spi_i, recording.spi_r)
        assert nat_hash_v1(recording.ike.prf, *spis, destination, 500) == sent


def test_an_ipv6_address_counts_with_16_octets() -> None:
    address = ip_address("2001:db8::1")
    assert nat_hash_v2(bytes(8), bytes(8), address, 500) == nat_hash_v1(
        PRF_BY_NAME["prf-hmac-sha1"], bytes(8), bytes(8), address, 500
    )
    assert nat_hash_v2(bytes(8), bytes(8), address, 500) != nat_hash_v2(
        bytes(8), bytes(8), address, 4500
    )
