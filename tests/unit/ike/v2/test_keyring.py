"""Sealing and opening whole messages."""

from __future__ import annotations

import pytest

from gatewright.crypto.ciphers import IntegrityFailure
from gatewright.crypto.keymat_v2 import derive_ike_keys
from gatewright.iana.ikev2 import ExchangeType
from gatewright.ike.v2.keyring import Keyring, sealed_payload
from gatewright.ipsec.secret import Secret
from gatewright.wire.codec import Malformed
from gatewright.wire.v2.message import Head, Message, Payload
from gatewright.wire.v2.payloads.notify import NotifyPayload
from gatewright.wire.v2.payloads.unknown import UnknownPayload
from gatewright.wire.v2.payloads.vendor import VendorPayload
from tests.support.entropy import seeded
from tests.support.gateways import ike

HEAD = Head(b"initiato", b"responde", ExchangeType.INFORMATIONAL, 3, True, response=False)
SUITES = [
    "aes-128-gcm/prf-hmac-sha256/x25519",
    "chacha20-poly1305/prf-hmac-sha256/x25519",
    "aes-256-cbc/hmac-sha256-128/prf-hmac-sha256/x25519",
    "3des-cbc/hmac-sha1-96/prf-hmac-sha1/modp-1024",
]


def keyrings(suite: str) -> tuple[Keyring, Keyring]:
    proposal = ike(suite)
    keys = derive_ike_keys(proposal, Secret(b"g"), b"i" * 32, b"r" * 32, b"initiato", b"responde")
    return Keyring(proposal, keys, is_initiator=True), Keyring(proposal, keys, is_initiator=False)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("payloads", [[], [NotifyPayload(16384), VendorPayload(b"x" * 100)]])
def test_what_one_side_seals_the_other_opens(suite: str, payloads: list[Payload]) -> None:
    initiator, responder = keyrings(suite)
    octets = initiator.seal(HEAD, payloads, seeded(1))
    sealed = sealed_payload(Message.parse(octets))
    assert sealed is not None
    assert responder.open(octets, sealed).payloads() == tuple(payloads)


@pytest.mark.parametrize("suite", SUITES)
def test_no_octet_may_change_and_no_direction(suite: str) -> None:
    initiator, responder = keyrings(suite)
    octets = initiator.seal(HEAD, [NotifyPayload(16384)], seeded(1))
    sealed = sealed_payload(Message.parse(octets))
    assert sealed is not None
    with pytest.raises(IntegrityFailure):
        initiator.open(octets, sealed)
    for position in (0, 19, 20, 23, 29, 40, len(octets) - 1):
        changed = bytearray(octets)
        changed[position] ^= 1
        body = bytes(changed[len(octets) - len(sealed.octets) :])
        with pytest.raises(IntegrityFailure):
            responder.open(bytes(changed), type(sealed)(sealed.first, body))


def test_authentic_octets_may_still_be_malformed() -> None:
    initiator, responder = keyrings(SUITES[0])
    octets = initiator.seal(HEAD, [UnknownPayload(42, b"\1")], seeded(1))
    sealed = sealed_payload(Message.parse(octets))
    assert sealed is not None
    opened = responder.open(octets, sealed)
    with pytest.raises(Malformed):
        opened.payloads()


def test_names_for_people() -> None:
    assert keyrings(SUITES[2])[0].algorithms == (
        "aes-256-cbc / hmac-sha256-128 / prf-hmac-sha256 / x25519"
    )
    assert keyrings(SUITES[0])[0].algorithms == "aes-128-gcm / prf-hmac-sha256 / x25519"


def test_no_key_is_in_the_repr() -> None:
    keyring = keyrings(SUITES[0])[0]
    assert keyring.keys.sk_ei.reveal().hex() not in repr(keyring.keys)
