from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.crypto.ciphers import (
    IntegrityFailure,
    MessageCipher,
    cbc_decrypt,
    cbc_encrypt,
    message_cipher,
)
from gatewright.crypto.prf import keyed_digest
from gatewright.iana.algorithms import (
    CIPHER_BY_NAME,
    CIPHERS,
    INTEGRITIES,
    INTEGRITY_BY_NAME,
    Cipher,
    Integrity,
)
from gatewright.ipsec.secret import Secret
from tests.support.entropy import seeded

CBC = [cipher for cipher in CIPHERS if not cipher.aead and cipher.key_bits]
AEAD = [cipher for cipher in CIPHERS if cipher.aead]
EVERY_COMBINATION: list[tuple[Cipher, Integrity | None]] = [
    *((cipher, None) for cipher in AEAD),
    *((cipher, integrity) for cipher in CBC for integrity in INTEGRITIES),
]
PREFIX = bytes(range(32))


def name(combination: tuple[Cipher, Integrity | None]) -> str:
    cipher, integrity = combination
    return f"{cipher.name}+{integrity.name}" if integrity else cipher.name


def make(combination: tuple[Cipher, Integrity | None], seed: int = 3) -> MessageCipher:
    cipher, integrity = combination
    random = seeded(seed)
    key = Secret(random(cipher.keymat_len))
    return message_cipher(
        cipher, integrity, key, Secret(random(integrity.key_len if integrity else 0))
    )


every_combination = pytest.mark.parametrize("combination", EVERY_COMBINATION, ids=name)


@every_combination
@settings(max_examples=20)
@given(plaintext=st.binary(max_size=100), prefix=st.binary(max_size=60))
def test_opens_what_it_sealed(
    combination: tuple[Cipher, Integrity | None], plaintext: bytes, prefix: bytes
) -> None:
    sealer, opener = make(combination), make(combination)
    body = sealer.seal(prefix, plaintext, seeded(1))
    assert len(body) == sealer.body_length(len(plaintext))
    assert opener.open(prefix, body) == plaintext
    assert len(plaintext) < 8 or plaintext not in body


@every_combination
def test_every_flipped_bit_is_found(combination: tuple[Cipher, Integrity | None]) -> None:
    cipher = make(combination)
    body = cipher.seal(PREFIX, b"payloads", seeded(1))
    for bit in range(8 * len(body)):
        changed = bytearray(body)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(IntegrityFailure):
            cipher.open(PREFIX, bytes(changed))
    for bit in range(8 * len(PREFIX)):
        prefix = bytearray(PREFIX)
        prefix[bit // 8] ^= 1 << bit % 8
        with pytest.raises(IntegrityFailure):
            cipher.open(bytes(prefix), body)


@every_combination
def test_every_truncation_and_extension_is_found(
    combination: tuple[Cipher, Integrity | None],
) -> None:
    cipher = make(combination)
    body = cipher.seal(PREFIX, b"payloads", seeded(1))
    for length in range(len(body)):
        with pytest.raises(IntegrityFailure):
            cipher.open(PREFIX, body[:length])
    with pytest.raises(IntegrityFailure):
        cipher.open(PREFIX, body + bytes(16))


@every_combination
@settings(max_examples=25)
@given(prefix=st.binary(max_size=40), body=st.binary(max_size=120))
def test_any_octets_raise_nothing_else(
    combination: tuple[Cipher, Integrity | None], prefix: bytes, body: bytes
) -> None:
    with pytest.raises(IntegrityFailure):
        make(combination).open(prefix, body)


@every_combination
def test_wrong_key_is_found(combination: tuple[Cipher, Integrity | None]) -> None:
    body = make(combination, 3).seal(PREFIX, b"payloads", seeded(1))
    with pytest.raises(IntegrityFailure):
        make(combination, 4).open(PREFIX, body)


@every_combination
def test_ivs_do_not_repeat(combination: tuple[Cipher, Integrity | None]) -> None:
    """An AEAD must not depend on the random source for this (RFC 5282 section 4)."""
    cipher, _ = combination
    sealer = make(combination)
    random = seeded(1) if not cipher.aead else bytes
    ivs = {sealer.seal(PREFIX, b"payloads", random)[: cipher.iv_len] for _ in range(100)}
    assert len(ivs) == 100


def test_rfc7634_appendix_b() -> None:
    """The IKEv2 example of ChaCha20-Poly1305."""
    cipher = message_cipher(
        CIPHER_BY_NAME["chacha20-poly1305"],
        None,
        Secret(bytes(range(0x80, 0xA0)) + bytes.fromhex("a0a1a2a3")),
        Secret(b""),
    )
    prefix = bytes.fromhex("c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029")
    body = bytes.fromhex(
        "1011121314151617610394701f8d017f7c129248896b71bfe25236efd7cdc67066906315b2"
    )
    assert cipher.open(prefix, body) == bytes.fromhex("0000000c000040010000000a")
    assert cipher.body_length(12) == len(body)


def test_rfc7296_layout_of_cbc() -> None:
    """Section 3.14, composed by hand: IV, blocks with padding and its length, ICV over it all."""
    cipher, integrity = CIPHER_BY_NAME["aes-128-cbc"], INTEGRITY_BY_NAME["hmac-sha1-96"]
    key, integrity_key, iv = b"k" * 16, b"a" * 20, b"v" * 16
    sealer = message_cipher(cipher, integrity, Secret(key), Secret(integrity_key))
    body = sealer.seal(PREFIX, b"12345", lambda _: iv)
    padded = b"12345" + bytes(10) + b"\x0a"
    expected = iv + cbc_encrypt(cipher, key, iv, padded)
    icv = keyed_digest("sha1", integrity_key, PREFIX + expected)[:12]
    assert body == expected + icv


@pytest.mark.parametrize(("pad_length", "plaintext"), [(15, b""), (0, b"p" * 15), (7, b"p" * 8)])
def test_any_padding_of_the_peer_is_taken(pad_length: int, plaintext: bytes) -> None:
    """Section 3.14: its content and amount are the sender's choice."""
    cipher, integrity = CIPHER_BY_NAME["aes-128-cbc"], INTEGRITY_BY_NAME["hmac-sha1-96"]
    key, integrity_key, iv = b"k" * 16, b"a" * 20, b"v" * 16
    padded = plaintext + b"\xee" * pad_length + bytes([pad_length])
    sealed = iv + cbc_encrypt(cipher, key, iv, padded)
    body = sealed + keyed_digest("sha1", integrity_key, PREFIX + sealed)[:12]
    opener = message_cipher(cipher, integrity, Secret(key), Secret(integrity_key))
    assert opener.open(PREFIX, body) == plaintext


def test_padding_longer_than_the_message_is_refused() -> None:
    cipher, integrity = CIPHER_BY_NAME["aes-128-cbc"], INTEGRITY_BY_NAME["hmac-sha1-96"]
    key, integrity_key, iv = b"k" * 16, b"a" * 20, b"v" * 16
    sealed = iv + cbc_encrypt(cipher, key, iv, b"\x10" * 16)
    body = sealed + keyed_digest("sha1", integrity_key, PREFIX + sealed)[:12]
    opener = message_cipher(cipher, integrity, Secret(key), Secret(integrity_key))
    with pytest.raises(IntegrityFailure, match="padding"):
        opener.open(PREFIX, body)


def test_combinations_that_are_none() -> None:
    gcm, cbc = CIPHER_BY_NAME["aes-128-gcm"], CIPHER_BY_NAME["aes-128-cbc"]
    sha1 = INTEGRITY_BY_NAME["hmac-sha1-96"]
    for cipher, integrity, key_len, integrity_len in (
        (gcm, sha1, 20, 20),
        (gcm, None, 16, 0),
        (cbc, None, 16, 0),
        (cbc, sha1, 20, 20),
        (cbc, sha1, 16, 16),
        (CIPHER_BY_NAME["null"], sha1, 0, 20),
    ):
        with pytest.raises(ValueError, match=r"aes-128|IKE|hmac"):
            message_cipher(cipher, integrity, Secret(bytes(key_len)), Secret(bytes(integrity_len)))


# The last row is FIPS 81's example of DES; AES: RFC 3602 section 4 case 1; 3DES by the
# definition that follows it.
@pytest.mark.parametrize(
    ("cipher_name", "key", "iv", "plaintext", "ciphertext"),
    [
        (
            "aes-128-cbc",
            "06a9214036b8a15b512e03d534120006",
            "3dafba429d9eb430b422da802c9fac41",
            b"Single block msg".hex(),
            "e353779c1079aeb82708942dbe77181a",
        ),
        (
            "des-cbc",
            "0123456789abcdef",
            "1234567890abcdef",
            b"Now is the time for all ".hex(),
            "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6",
        ),
    ],
)
def test_published_cbc_values(
    cipher_name: str, key: str, iv: str, plaintext: str, ciphertext: str
) -> None:
    cipher = CIPHER_BY_NAME[cipher_name]
    parts = (cipher, bytes.fromhex(key), bytes.fromhex(iv))
    assert cbc_encrypt(*parts, bytes.fromhex(plaintext)).hex() == ciphertext
    assert cbc_decrypt(*parts, bytes.fromhex(ciphertext)).hex() == plaintext


def test_triple_des_is_encrypt_decrypt_encrypt() -> None:
    """RFC 2451 section 2.3, on one block with a zero IV, by single DES."""
    des, triple = CIPHER_BY_NAME["des-cbc"], CIPHER_BY_NAME["3des-cbc"]
    first, second, third = b"firstkey", b"2nd--key", b"thirdkey"
    block = cbc_encrypt(des, first, bytes(8), b"8 octets")
    block = cbc_decrypt(des, second, bytes(8), block)
    block = cbc_encrypt(des, third, bytes(8), block)
    assert cbc_encrypt(triple, first + second + third, bytes(8), b"8 octets") == block


@pytest.mark.parametrize("cipher", CBC, ids=lambda cipher: cipher.name)
@given(data=st.data())
def test_bare_cbc_takes_whole_blocks(cipher: Cipher, data: st.DataObject) -> None:
    octets = data.draw(st.binary(max_size=64))
    key, iv = bytes(range(cipher.keymat_len)), bytes(cipher.iv_len)
    if len(octets) % cipher.block:
        for function in (cbc_encrypt, cbc_decrypt):
            with pytest.raises(ValueError, match=cipher.name):
                function(cipher, key, iv, octets)
    else:
        assert cbc_decrypt(cipher, key, iv, cbc_encrypt(cipher, key, iv, octets)) == octets


@pytest.mark.parametrize("cipher", AEAD, ids=lambda cipher: cipher.name)
def test_bare_cbc_is_not_for_aead(cipher: Cipher) -> None:
    with pytest.raises(ValueError, match=cipher.name):
        cbc_encrypt(cipher, bytes(cipher.key_bits // 8), bytes(8), b"")
