"""Identities of the policy and of the wire."""

from __future__ import annotations

import pytest

from gatewright.iana.ikev2 import IdType, PayloadType
from gatewright.ike.v2.identities import describe, matches, to_payload
from gatewright.policy.compiled import Identity, IdentityType
from gatewright.wire.v2.payloads.identification import IdPayload

CASES = [
    (Identity(IdentityType.ADDRESS, "203.0.113.1"), IdType.ID_IPV4_ADDR, "cb007101"),
    (
        Identity(IdentityType.ADDRESS, "2001:db8::1"),
        IdType.ID_IPV6_ADDR,
        "20010db8000000000000000000000001",
    ),
    (Identity(IdentityType.FQDN, "gw.example"), IdType.ID_FQDN, b"gw.example".hex()),
    (Identity(IdentityType.EMAIL, "a@b.example"), IdType.ID_RFC822_ADDR, b"a@b.example".hex()),
    (Identity(IdentityType.KEY_ID, "00ff"), IdType.ID_KEY_ID, "00ff"),
]


@pytest.mark.parametrize(("identity", "id_type", "octets"), CASES)
def test_on_the_wire_and_back_to_words(identity: Identity, id_type: IdType, octets: str) -> None:
    payload = to_payload(identity, PayloadType.IDI)
    assert payload == IdPayload(PayloadType.IDI, id_type, bytes.fromhex(octets))
    assert matches(identity, payload)
    assert describe(payload) == str(identity)


def test_type_and_value_both_count() -> None:
    payloads = [to_payload(identity, PayloadType.IDI) for identity, _, _ in CASES]
    for index, (identity, _, _) in enumerate(CASES):
        assert [matches(identity, each) for each in payloads].index(True) == index
        assert sum(matches(identity, each) for each in payloads) == 1


def test_host_names_are_compared_without_regard_to_case_and_nothing_else_is() -> None:
    upper = IdPayload(PayloadType.IDI, IdType.ID_FQDN, b"GW.Example")
    assert matches(Identity(IdentityType.FQDN, "gw.eXample"), upper)
    key = IdPayload(PayloadType.IDI, IdType.ID_KEY_ID, b"a")
    assert not matches(Identity(IdentityType.KEY_ID, b"A".hex()), key)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (IdPayload(PayloadType.IDI, IdType.ID_IPV4_ADDR, b"123"), "ID_IPV4_ADDR (1):313233"),
        (IdPayload(PayloadType.IDI, IdType.ID_FQDN, b"a\x1b[31m\xff"), "fqdn:a\\x1b[31m\\xff"),
        (IdPayload(PayloadType.IDI, 9, b"\x30\x00"), "ID_DER_ASN1_DN (9):3000"),
        (IdPayload(PayloadType.IDI, 201, b"\x01"), "unknown (201):01"),
    ],
)
def test_whatever_a_peer_says_is_safe_to_print(payload: IdPayload, words: str) -> None:
    assert describe(payload) == words


def test_an_endless_name_is_cut() -> None:
    assert len(describe(IdPayload(PayloadType.IDI, IdType.ID_FQDN, b"a" * 5000))) < 300
