"""Encryption of IKE messages: the SK payload of IKEv2, and bare CBC for IKEv1.

The SK payload of RFC 7296 section 3.14, for CBC with HMAC and for the AEADs of RFC 5282 and
RFC 7634::

    prefix                          | body
    IKE header ... SK generic header| IV | ciphertext of (plaintext, padding, pad length) | ICV
    <- CBC: covered by the ICV ------------------------------------------------------->
    <- AEAD: associated data ------>|
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import ciphers
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.constant_time import bytes_eq

from gatewright.crypto.groups import RandomSource
from gatewright.crypto.prf import keyed_digest
from gatewright.iana.algorithms import Cipher, Integrity
from gatewright.ipsec.secret import Secret

_DES: Final = "des-cbc"
_TRIPLE_DES: Final = "3des-cbc"
_CHACHA: Final = "chacha20-poly1305"
_LAST_IV: Final = 2**64 - 1


class IntegrityFailure(Exception):
    """The message was not made with these keys, or was changed on its way."""


class MessageCipher(ABC):
    """Protects the messages of one direction of one IKE SA.

    One instance for each key and direction: with an AEAD it counts the IVs that it has used, and
    a second instance that seals with the same key would repeat them.
    """

    __slots__ = ()

    @abstractmethod
    def body_length(self, plaintext_length: int) -> int:
        """Octets that `seal` gives for that many octets of payloads."""

    @abstractmethod
    def seal(self, prefix: bytes, plaintext: bytes, random: RandomSource) -> bytes:
        """The body of the SK payload.

        ``prefix`` is all of the message before it, from the IKE header through the generic header
        of the SK payload, with the lengths as they will be sent (`body_length` tells).
        """

    @abstractmethod
    def open(self, prefix: bytes, body: bytes) -> bytes:
        """The payloads inside, or `IntegrityFailure`, whatever the octets are."""


def message_cipher(
    cipher: Cipher,
    integrity: Integrity | None,
    encryption_key: Secret,
    integrity_key: Secret,
) -> MessageCipher:
    """The protection of one direction.

    ``encryption_key`` ends with the salt for an AEAD, which goes without ``integrity``.  Raises
    ValueError for a combination or a key length that is none, and for the NULL cipher, which
    IKE does not use.
    """
    if cipher.key_bits == 0:
        raise ValueError("IKE messages are always encrypted")
    if len(encryption_key) != cipher.keymat_len:
        raise ValueError(f"{cipher.name} takes {cipher.keymat_len} octets of key and salt")
    if cipher.aead:
        if integrity is not None:
            raise ValueError(f"{cipher.name} goes without an integrity algorithm")
        return _AeadMessageCipher(cipher, encryption_key)
    if integrity is None:
        raise ValueError(f"{cipher.name} needs an integrity algorithm")
    if len(integrity_key) != integrity.key_len:
        raise ValueError(f"{integrity.name} takes {integrity.key_len} octets of key")
    return _CbcMessageCipher(cipher, integrity, encryption_key, integrity_key)


class _AeadMessageCipher(MessageCipher):
    """RFC 5282: nonce = salt | IV, the IV a counter (section 4: it must never repeat).

    No padding is needed: the plaintext ends with a pad length of zero (section 3).
    """

    __slots__ = ("_aead", "_icv_len", "_iv_len", "_next_iv", "_salt")

    def __init__(self, cipher: Cipher, encryption_key: Secret) -> None:
        octets = encryption_key.reveal()
        key, self._salt = octets[: cipher.key_bits // 8], octets[cipher.key_bits // 8 :]
        self._aead = ChaCha20Poly1305(key) if cipher.name == _CHACHA else AESGCM(key)
        self._iv_len = cipher.iv_len
        self._icv_len = cipher.icv_len
        self._next_iv = 0

    def body_length(self, plaintext_length: int) -> int:
        return self._iv_len + plaintext_length + 1 + self._icv_len

    def seal(self, prefix: bytes, plaintext: bytes, random: RandomSource) -> bytes:  # noqa: ARG002
        if self._next_iv > _LAST_IV:
            raise OverflowError("no IV is left under this key")
        iv = self._next_iv.to_bytes(self._iv_len, "big")
        self._next_iv += 1
        return iv + self._aead.encrypt(self._salt + iv, plaintext + b"\x00", prefix)

    def open(self, prefix: bytes, body: bytes) -> bytes:
        if len(body) < self.body_length(0):
            raise IntegrityFailure("too short for IV, pad length and ICV")
        iv, sealed = body[: self._iv_len], body[self._iv_len :]
        try:
            plaintext = self._aead.decrypt(self._salt + iv, sealed, prefix)
        except InvalidTag:
            raise IntegrityFailure("wrong integrity check value") from None
        return _remove_padding(plaintext)


class _CbcMessageCipher(MessageCipher):
    """RFC 7296 section 3.14: encrypt, then HMAC over the whole message; the IV is random."""

    __slots__ = ("_cipher", "_encryption_key", "_integrity", "_integrity_key")

    def __init__(
        self,
        cipher: Cipher,
        integrity: Integrity,
        encryption_key: Secret,
        integrity_key: Secret,
    ) -> None:
        self._cipher = cipher
        self._integrity = integrity
        self._encryption_key = encryption_key
        self._integrity_key = integrity_key

    def body_length(self, plaintext_length: int) -> int:
        block = self._cipher.block
        blocks = (plaintext_length + block) // block  # one octet more, the pad length; rounded up
        return self._cipher.iv_len + blocks * block + self._integrity.icv_len

    def seal(self, prefix: bytes, plaintext: bytes, random: RandomSource) -> bytes:
        iv = random(self._cipher.iv_len)
        pad_length = -(len(plaintext) + 1) % self._cipher.block
        padded = plaintext + bytes(pad_length) + bytes([pad_length])
        body = iv + cbc_encrypt(self._cipher, self._encryption_key.reveal(), iv, padded)
        return body + self._icv(prefix + body)

    def open(self, prefix: bytes, body: bytes) -> bytes:
        iv_len, icv_len = self._cipher.iv_len, self._integrity.icv_len
        if len(body) < self.body_length(0) or (len(body) - iv_len - icv_len) % self._cipher.block:
            raise IntegrityFailure("not IV, whole blocks and ICV")
        if not bytes_eq(self._icv(prefix + body[:-icv_len]), body[-icv_len:]):
            raise IntegrityFailure("wrong integrity check value")
        iv, ciphertext = body[:iv_len], body[iv_len:-icv_len]
        key = self._encryption_key.reveal()
        return _remove_padding(cbc_decrypt(self._cipher, key, iv, ciphertext))

    def _icv(self, data: bytes) -> bytes:
        key = self._integrity_key.reveal()
        return keyed_digest(self._integrity.hash, key, data)[: self._integrity.icv_len]


def cbc_encrypt(cipher: Cipher, key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """Whole blocks in, as many out; ValueError for anything else."""
    context = _cbc(cipher, key, iv, plaintext).encryptor()
    return context.update(plaintext) + context.finalize()


def cbc_decrypt(cipher: Cipher, key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """Whole blocks in, as many out; ValueError for anything else."""
    context = _cbc(cipher, key, iv, ciphertext).decryptor()
    return context.update(ciphertext) + context.finalize()


def _cbc(cipher: Cipher, key: bytes, iv: bytes, data: bytes) -> ciphers.Cipher[CBC]:
    if cipher.aead or cipher.iv_len == 0:
        raise ValueError(f"{cipher.name} is no CBC cipher")
    if len(key) != cipher.key_bits // 8 or len(iv) != cipher.iv_len or len(data) % cipher.block:
        raise ValueError(f"{cipher.name}: key, IV or data of a wrong length")
    if cipher.name == _DES:
        # EDE with one key thrice is single DES (RFC 2451 section 2.3).
        return ciphers.Cipher(TripleDES(key * 3), CBC(iv))
    if cipher.name == _TRIPLE_DES:
        return ciphers.Cipher(TripleDES(key), CBC(iv))
    return ciphers.Cipher(AES(key), CBC(iv))


def _remove_padding(padded: bytes) -> bytes:
    """The plaintext before padding and pad length; the padding's content is the sender's choice."""
    pad_length = padded[-1]
    if pad_length >= len(padded):
        raise IntegrityFailure("padding longer than what is encrypted")
    return padded[: len(padded) - 1 - pad_length]
