"""The algorithms of IKE and ESP, one row each: name in a policy, numbers on each wire, sizes.

Everything that names an algorithm (the policy file, proposals of both IKE versions, key
derivation, the engine, logs) goes through these rows.  Numbers are from the IANA registries
"IKEv2 Parameters" (RFC 7296, RFC 8247), "IPsec registry" of IKEv1 (RFC 2409 appendix A) and the
IPsec DOI (RFC 2407).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Strength(Enum):
    """How far an algorithm can be trusted today (RFC 8221, RFC 8247, NIST SP 800-131A)."""

    MODERN = "modern"
    LEGACY = "legacy"  # no practical break, but no new design should use it
    WEAK = "weak"  # broken or breakable; only where a policy names it


@dataclass(frozen=True, slots=True)
class Cipher:
    """An encryption algorithm with its key size fixed.

    ``key_bits`` is what the key schedule takes (DES: 64, 3DES: 192, parity bits included),
    ``salt_len`` the octets of implicit nonce that follow the key in KEYMAT (RFC 4106 section 8.1),
    ``iv_len`` the octets of explicit IV in each packet, ``icv_len`` the AEAD tag (0 for a cipher
    that needs an integrity algorithm beside it), ``block`` the padding boundary in octets.
    ``key_length_attribute`` tells whether the proposal carries a Key Length attribute.
    A number of None means: that protocol has no code for it.
    """

    name: str
    ikev2: int
    ikev1: int | None
    doi: int | None
    key_bits: int
    key_length_attribute: bool
    block: int
    iv_len: int
    salt_len: int
    icv_len: int
    strength: Strength
    rfc: str

    @property
    def aead(self) -> bool:
        return self.icv_len > 0

    @property
    def keymat_len(self) -> int:
        """Octets that the cipher takes from KEYMAT: key and salt."""
        return self.key_bits // 8 + self.salt_len


@dataclass(frozen=True, slots=True)
class Integrity:
    """An integrity algorithm: ``key_len`` and ``icv_len`` in octets, ``hash`` its digest name.

    ``ikev2`` is the transform ID (type 3), ``doi`` the Authentication Algorithm attribute value
    of an IKEv1 quick mode offer (RFC 2407 section 4.5).
    """

    name: str
    ikev2: int
    doi: int | None
    hash: str
    key_len: int
    icv_len: int
    strength: Strength
    rfc: str


@dataclass(frozen=True, slots=True)
class Prf:
    """A pseudo-random function; in IKEv1 the hash algorithm (``ikev1``) that HMAC is built on."""

    name: str
    ikev2: int
    ikev1: int | None
    hash: str
    output_len: int
    strength: Strength
    rfc: str


@dataclass(frozen=True, slots=True)
class Group:
    """A key exchange group; one registry for both IKE versions.  Lengths in octets."""

    name: str
    number: int
    public_len: int
    secret_len: int
    strength: Strength
    rfc: str


_M, _L, _W = Strength.MODERN, Strength.LEGACY, Strength.WEAK

CIPHERS: tuple[Cipher, ...] = (
    Cipher("aes-256-gcm", 20, None, 20, 256, True, 4, 8, 4, 16, _M, "RFC 4106"),
    Cipher("aes-192-gcm", 20, None, 20, 192, True, 4, 8, 4, 16, _M, "RFC 4106"),
    Cipher("aes-128-gcm", 20, None, 20, 128, True, 4, 8, 4, 16, _M, "RFC 4106"),
    Cipher("chacha20-poly1305", 28, None, None, 256, False, 4, 8, 4, 16, _M, "RFC 7634"),
    Cipher("aes-256-cbc", 12, 7, 12, 256, True, 16, 16, 0, 0, _M, "RFC 3602"),
    Cipher("aes-192-cbc", 12, 7, 12, 192, True, 16, 16, 0, 0, _M, "RFC 3602"),
    Cipher("aes-128-cbc", 12, 7, 12, 128, True, 16, 16, 0, 0, _M, "RFC 3602"),
    Cipher("3des-cbc", 3, 5, 3, 192, False, 8, 8, 0, 0, _L, "RFC 2451"),
    Cipher("des-cbc", 2, 1, 2, 64, False, 8, 8, 0, 0, _W, "RFC 2405"),
    Cipher("null", 11, None, 11, 0, False, 4, 0, 0, 0, _W, "RFC 2410"),
)

INTEGRITIES: tuple[Integrity, ...] = (
    Integrity("hmac-sha512-256", 14, 7, "sha512", 64, 32, _M, "RFC 4868"),
    Integrity("hmac-sha384-192", 13, 6, "sha384", 48, 24, _M, "RFC 4868"),
    Integrity("hmac-sha256-128", 12, 5, "sha256", 32, 16, _M, "RFC 4868"),
    Integrity("hmac-sha1-96", 2, 2, "sha1", 20, 12, _L, "RFC 2404"),
    Integrity("hmac-md5-96", 1, 1, "md5", 16, 12, _W, "RFC 2403"),
)

PRFS: tuple[Prf, ...] = (
    Prf("prf-hmac-sha512", 7, 6, "sha512", 64, _M, "RFC 4868"),
    Prf("prf-hmac-sha384", 6, 5, "sha384", 48, _M, "RFC 4868"),
    Prf("prf-hmac-sha256", 5, 4, "sha256", 32, _M, "RFC 4868"),
    Prf("prf-hmac-sha1", 2, 2, "sha1", 20, _L, "RFC 2104"),
    Prf("prf-hmac-md5", 1, 1, "md5", 16, _W, "RFC 2104"),
)

GROUPS: tuple[Group, ...] = (
    Group("x25519", 31, 32, 32, _M, "RFC 8031"),
    Group("ecp-256", 19, 64, 32, _M, "RFC 5903"),
    Group("ecp-384", 20, 96, 48, _M, "RFC 5903"),
    Group("ecp-521", 21, 132, 66, _M, "RFC 5903"),
    Group("modp-4096", 16, 512, 512, _M, "RFC 3526"),
    Group("modp-3072", 15, 384, 384, _M, "RFC 3526"),
    Group("modp-2048", 14, 256, 256, _M, "RFC 3526"),
    Group("modp-1536", 5, 192, 192, _L, "RFC 3526"),
    Group("modp-1024", 2, 128, 128, _W, "RFC 2409"),
    Group("modp-768", 1, 96, 96, _W, "RFC 2409"),
)

CIPHER_BY_NAME = {row.name: row for row in CIPHERS}
INTEGRITY_BY_NAME = {row.name: row for row in INTEGRITIES}
PRF_BY_NAME = {row.name: row for row in PRFS}
GROUP_BY_NAME = {row.name: row for row in GROUPS}
GROUP_BY_NUMBER = {row.number: row for row in GROUPS}
