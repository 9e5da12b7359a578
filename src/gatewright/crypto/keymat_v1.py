"""Key derivation, hashes and IVs of IKEv1 with a preshared key (RFC 2409).

Nonces, public values, SA and ID are given as payload bodies, without the generic header (the
``_b`` of RFC 2409 section 3.2).  "The" PRF is HMAC over the negotiated hash.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.crypto.prf import digest
from gatewright.crypto.prf import prf as compute_prf
from gatewright.crypto.weak_keys import refuse_weak_key
from gatewright.iana.algorithms import Cipher, Integrity, Prf
from gatewright.ipsec.association import SaKeys
from gatewright.ipsec.secret import Secret


@dataclass(frozen=True, slots=True)
class PhaseOneKeys:
    """The keys of a main mode SA (section 5) and what its cipher takes of SKEYID_e (appendix B)."""

    skeyid: Secret
    skeyid_d: Secret
    skeyid_a: Secret
    skeyid_e: Secret
    encryption_key: Secret


def derive_psk_keys(
    prf: Prf,
    cipher: Cipher,
    key: Secret,
    nonce_i: bytes,
    nonce_r: bytes,
    cookie_i: bytes,
    cookie_r: bytes,
    shared: Secret,
) -> PhaseOneKeys:
    """The keys of phase 1 with a preshared key (sections 5 and 5.4).

    Raises `WeakKey` when the cipher's key comes out as one that it must not use.
    """
    skeyid = compute_prf(prf, key.reveal(), nonce_i + nonce_r)
    return keys_from_skeyid(prf, cipher, Secret(skeyid), cookie_i, cookie_r, shared)


def keys_from_skeyid(
    prf: Prf, cipher: Cipher, skeyid: Secret, cookie_i: bytes, cookie_r: bytes, shared: Secret
) -> PhaseOneKeys:
    """What follows from SKEYID alike for every method of authentication (section 5)."""
    base = skeyid.reveal()
    common = shared.reveal() + cookie_i + cookie_r
    skeyid_d = compute_prf(prf, base, common + b"\x00")
    skeyid_a = compute_prf(prf, base, skeyid_d + common + b"\x01")
    skeyid_e = compute_prf(prf, base, skeyid_a + common + b"\x02")
    encryption_key = expand_encryption_key(prf, skeyid_e, cipher.key_bits // 8)
    refuse_weak_key(cipher, encryption_key)
    return PhaseOneKeys(
        skeyid, Secret(skeyid_d), Secret(skeyid_a), Secret(skeyid_e), Secret(encryption_key)
    )


def expand_encryption_key(prf: Prf, skeyid_e: bytes, length: int) -> bytes:
    """The first octets of SKEYID_e or, where it is too short, of Ka (appendix B)."""
    if length <= len(skeyid_e):
        return skeyid_e[:length]
    output = block = compute_prf(prf, skeyid_e, b"\x00")
    while len(output) < length:
        block = compute_prf(prf, skeyid_e, block)
        output += block
    return output[:length]


def phase_one_hash(
    prf: Prf,
    keys: PhaseOneKeys,
    own_public: bytes,
    peer_public: bytes,
    own_cookie: bytes,
    peer_cookie: bytes,
    sa_body: bytes,
    id_body: bytes,
) -> bytes:
    """HASH_I or HASH_R (section 5): "own" is the side whose hash it is, ``id_body`` its ID.

    ``sa_body`` is always that of the initiator's SA payload, with every proposal offered.
    """
    data = own_public + peer_public + own_cookie + peer_cookie + sa_body + id_body
    return compute_prf(prf, keys.skeyid.reveal(), data)


def phase_one_iv(prf: Prf, cipher: Cipher, public_i: bytes, public_r: bytes) -> bytes:
    """The first IV of phase 1: the hash of both public values (appendix B)."""
    return digest(prf.hash, public_i + public_r)[: cipher.iv_len]


def phase_two_iv(prf: Prf, cipher: Cipher, last_block: bytes, message_id: int) -> bytes:
    """The first IV of a phase 2 or informational exchange (appendix B).

    ``last_block`` is the last ciphertext block of phase 1.
    """
    return digest(prf.hash, last_block + _message_id(message_id))[: cipher.iv_len]


def quick_hash_1(prf: Prf, keys: PhaseOneKeys, message_id: int, payloads: bytes) -> bytes:
    """HASH(1) of quick mode (section 5.5); ``payloads``: all that follow the hash payload, with
    generic headers, without the padding of encryption."""
    return _authenticate(prf, keys, _message_id(message_id) + payloads)


def quick_hash_2(
    prf: Prf, keys: PhaseOneKeys, message_id: int, nonce_i_body: bytes, payloads: bytes
) -> bytes:
    """HASH(2) of quick mode (section 5.5)."""
    return _authenticate(prf, keys, _message_id(message_id) + nonce_i_body + payloads)


def quick_hash_3(
    prf: Prf, keys: PhaseOneKeys, message_id: int, nonce_i_body: bytes, nonce_r_body: bytes
) -> bytes:
    """HASH(3) of quick mode (section 5.5)."""
    data = b"\x00" + _message_id(message_id) + nonce_i_body + nonce_r_body
    return _authenticate(prf, keys, data)


def informational_hash(prf: Prf, keys: PhaseOneKeys, message_id: int, payloads: bytes) -> bytes:
    """HASH(1) of an informational exchange (section 5.7)."""
    return _authenticate(prf, keys, _message_id(message_id) + payloads)


def quick_mode_keys(
    prf: Prf,
    keys: PhaseOneKeys,
    protocol: int,
    spi: bytes,
    nonce_i: bytes,
    nonce_r: bytes,
    cipher: Cipher,
    integrity: Integrity | None,
    shared: Secret | None,
) -> SaKeys:
    """The keys of one direction: that of the SA with this SPI (section 5.5).

    ``protocol`` is the protocol ID of the proposal (RFC 2407 section 4.4.1: AH 2, ESP 3), ``spi``
    the four octets that the receiver chose, ``shared`` the secret of quick mode's own key exchange
    (perfect forward secrecy) or None.  Raises `WeakKey`.
    """
    exchange = shared.reveal() if shared is not None else b""
    seed = exchange + bytes([protocol]) + spi + nonce_i + nonce_r
    integrity_len = integrity.key_len if integrity is not None else 0
    keymat = _feedback(prf, keys.skeyid_d.reveal(), seed, cipher.keymat_len + integrity_len)
    encryption = keymat[: cipher.keymat_len]
    refuse_weak_key(cipher, encryption)
    return SaKeys(Secret(encryption), Secret(keymat[cipher.keymat_len :]))


def _message_id(message_id: int) -> bytes:
    return message_id.to_bytes(4, "big")


def _authenticate(prf: Prf, keys: PhaseOneKeys, data: bytes) -> bytes:
    return compute_prf(prf, keys.skeyid_a.reveal(), data)


def _feedback(prf: Prf, key: bytes, seed: bytes, length: int) -> bytes:
    """K1 | K2 | ... with K(n) = prf(key, K(n-1) | seed) (section 5.5)."""
    output = b""
    block = b""
    while len(output) < length:
        block = compute_prf(prf, key, block + seed)
        output += block
    return output[:length]
