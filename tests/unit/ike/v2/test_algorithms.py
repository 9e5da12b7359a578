"""Algorithms by the names that people know."""

from __future__ import annotations

import pytest

from gatewright.iana.algorithms import CIPHER_BY_NAME, CIPHERS
from gatewright.iana.ikev2 import TransformType as T
from gatewright.ike.v2.algorithms import Algorithm, algorithm_name, cipher_algorithm, item_name


def test_a_cipher_without_a_key_length_attribute_sends_none() -> None:
    assert cipher_algorithm(CIPHER_BY_NAME["aes-256-cbc"]) == (12, 256)
    assert cipher_algorithm(CIPHER_BY_NAME["3des-cbc"]) == (3, None)
    assert cipher_algorithm(CIPHER_BY_NAME["chacha20-poly1305"]) == (28, None)


@pytest.mark.parametrize("name", [cipher.name for cipher in CIPHERS])
def test_our_own_ciphers_are_named_as_in_a_policy(name: str) -> None:
    assert algorithm_name(T.ENCR, cipher_algorithm(CIPHER_BY_NAME[name])) == name


@pytest.mark.parametrize(
    ("kind", "algorithm", "name"),
    [
        (T.INTEG, (12, None), "hmac-sha256-128"),
        (T.INTEG, (0, None), "none"),
        (T.INTEG, (5, None), "AES-XCBC-96"),
        (T.PRF, (5, None), "prf-hmac-sha256"),
        (T.PRF, (4, None), "AES-XCBC"),
        (T.KE, (31, None), "x25519"),
        (T.KE, (0, None), "none"),
        (T.KE, (32, None), "Curve448"),
        (T.SN, (1, None), "64-bit extended sequence numbers"),
        (T.SN, (0, None), "32-bit sequence numbers"),
        (T.ENCR, (13, 256), "AES-CTR with 256 bits"),
        (T.ENCR, (12, None), "AES-CBC"),
        (T.ENCR, (999, None), "unknown (999)"),
        (42, (7, None), "unknown (7)"),
    ],
)
def test_names(kind: int, algorithm: Algorithm, name: str) -> None:
    assert algorithm_name(kind, algorithm) == name


def test_items() -> None:
    assert item_name(T.ENCR) == "encryption"
    assert item_name(77) == "transform type 77"
