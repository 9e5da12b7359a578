from __future__ import annotations

import itertools

import pytest

from gatewright.crypto.ciphers import cbc_encrypt
from gatewright.crypto.weak_keys import WeakKey, refuse_weak_key
from gatewright.iana.algorithms import CIPHER_BY_NAME

DES, TRIPLE_DES = CIPHER_BY_NAME["des-cbc"], CIPHER_BY_NAME["3des-cbc"]

# RFC 2409 appendix A, with the parity bits as printed there.
WEAK = ("0101010101010101", "fefefefefefefefe", "1f1f1f1f0e0e0e0e", "e0e0e0e0f1f1f1f1")
SEMI_WEAK = (
    ("01fe01fe01fe01fe", "fe01fe01fe01fe01"),
    ("1fe01fe00ef10ef1", "e01fe01ff10ef10e"),
    ("01e001e001f101f1", "e001e001f101f101"),
    ("1ffe1ffe0efe0efe", "fe1ffe1ffe0efe0e"),
    ("011f011f010e010e", "1f011f010e010e01"),
    ("e0fee0fef1fef1fe", "fee0fee0fef1fef1"),
)


def encrypt(key: str, block: bytes) -> bytes:
    return cbc_encrypt(DES, bytes.fromhex(key), bytes(8), block)


@pytest.mark.parametrize("pair", [*SEMI_WEAK, *((key, key) for key in WEAK)], ids=str)
def test_the_table_by_the_property_that_makes_a_key_weak(pair: tuple[str, str]) -> None:
    """Encryption under one key of the pair undoes that under the other."""
    assert encrypt(pair[1], encrypt(pair[0], b"8 octets")) == b"8 octets"
    for key in pair:
        with pytest.raises(WeakKey):
            refuse_weak_key(DES, bytes.fromhex(key))


@pytest.mark.parametrize("key", [*WEAK, *itertools.chain(*SEMI_WEAK)])
def test_parity_bits_do_not_matter(key: str) -> None:
    flipped = bytes(octet ^ 1 for octet in bytes.fromhex(key))
    with pytest.raises(WeakKey):
        refuse_weak_key(DES, flipped)


@pytest.mark.parametrize("order", ["aab", "baa", "aaa"])
def test_triple_des_that_is_single_des(order: str) -> None:
    """RFC 2451 section 2.3."""
    keys = {"a": bytes(range(8, 16)), "b": bytes(range(32, 40))}
    with pytest.raises(WeakKey):
        refuse_weak_key(TRIPLE_DES, b"".join(keys[letter] for letter in order))


@pytest.mark.parametrize("name", CIPHER_BY_NAME)
def test_other_keys_pass(name: str) -> None:
    cipher = CIPHER_BY_NAME[name]
    refuse_weak_key(cipher, bytes(range(2, 2 + cipher.keymat_len)))
    if cipher not in (DES, TRIPLE_DES):
        refuse_weak_key(cipher, bytes(cipher.keymat_len))
