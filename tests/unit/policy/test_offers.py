"""Lines of algorithms to proposals, and what a version of IKE does not have."""

from __future__ import annotations

import pytest

from gatewright.policy.load import load_policy
from gatewright.policy.model import Tunnel
from gatewright.policy.offers import esp_proposals, ike_proposals, incompatible
from tests.unit.policy.samples import LONG, compiled, edited, short


def tunnel(*lines: str) -> Tunnel:
    return load_policy(short(*lines), "p.yaml").tunnels[0]


def ike(*lines: str) -> list[str]:
    return [
        f"{p.cipher.name} {p.integrity.name if p.integrity else '-'} {p.prf.name} {p.group.name}"
        for p in ike_proposals(tunnel(*lines).key_exchange)
    ]


def test_each_combination_in_order_of_preference() -> None:
    line = "algorithms: {ike: aes-256-gcm | aes-128-gcm / prf-hmac-sha256 / x25519 | ecp-256}"
    assert ike(line) == [
        "aes-256-gcm - prf-hmac-sha256 x25519",
        "aes-256-gcm - prf-hmac-sha256 ecp-256",
        "aes-128-gcm - prf-hmac-sha256 x25519",
        "aes-128-gcm - prf-hmac-sha256 ecp-256",
    ]


def test_ikev1_has_one_hash_for_both() -> None:
    line = "algorithms: {ike: 3des-cbc / hmac-sha1-96 | hmac-md5-96 / modp-1024}"
    assert ike("ike_version: 1", line) == [
        "3des-cbc hmac-sha1-96 prf-hmac-sha1 modp-1024",
        "3des-cbc hmac-md5-96 prf-hmac-md5 modp-1024",
    ]
    assert len(ike(line)) == 4


def test_a_proposal_stands_once() -> None:
    assert len(ike("algorithms: {ike: [aes-128-gcm / prf-hmac-sha256 / x25519, "
                   "aes-128-gcm | aes-256-gcm / prf-hmac-sha256 / x25519]}")) == 2  # fmt: skip


def test_extended_sequence_numbers_are_for_ikev2() -> None:
    for version, offered in ((1, False), (2, True)):
        one = tunnel(f"ike_version: {version}", "algorithms: {esp: {esp: aes-128-gcm, esn: yes}}")
        proposals = esp_proposals(one.filter_action, one.key_exchange)
        assert {proposal.esn for proposal in proposals} == {offered}


def test_pfs_of_the_key_exchange() -> None:
    text = edited(LONG, ("action: negotiate", "action: negotiate\n    session_key_pfs: yes"))
    groups = [p.group.name for p in compiled(text).connections[0].children[0].proposals if p.group]
    assert groups == ["modp-1024"]


@pytest.mark.parametrize(
    ("line", "code", "word"),
    [
        ("{ike: aes-128-gcm / prf-hmac-sha256 / modp-2048}", "not-in-ikev1", "aes-128-gcm"),
        ("{ike: aes-128-cbc / hmac-sha256-128 / x25519}", "not-in-ikev1", "x25519"),
        ("{esp: chacha20-poly1305}", "not-in-ikev1", "chacha20-poly1305"),
        ("{esp: aes-128-gcm / x25519}", "not-in-ikev1", "x25519"),
        ("{esp: aes-128-gcm / modp-2048 | ecp-256}", "ikev1-pfs-groups", "modp-2048"),
        ("{esp: [aes-128-gcm / modp-2048, aes-256-gcm]}", "ikev1-pfs-groups", "some"),
        (
            "{ike: aes-128-cbc / hmac-sha1-96 / prf-hmac-sha256 / modp-2048}",
            "ikev1-two-hashes",
            "prf-hmac-sha256",
        ),
    ],
)
def test_what_ikev1_cannot_negotiate(line: str, code: str, word: str) -> None:
    one = tunnel("ike_version: 1", f"algorithms: {line}")
    (finding,) = incompatible(one.filter_action, one.key_exchange)
    assert finding.code == code
    assert word in finding.what
    two = tunnel("ike_version: 2", f"algorithms: {line}")
    assert list(incompatible(two.filter_action, two.key_exchange)) == []
