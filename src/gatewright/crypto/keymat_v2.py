"""Key derivation and preshared-key authentication of IKEv2 (RFC 7296 sections 2.13 to 2.18).

Nonces are given as the data of the Nonce payload.  Their length (16 to 256 octets, and at least
half the key size of the PRF: section 2.10) is for the caller to check.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from gatewright.crypto.prf import prf as compute_prf
from gatewright.crypto.prf import prf_plus
from gatewright.iana.algorithms import Cipher, Integrity, Prf
from gatewright.ipsec.association import SaKeys
from gatewright.ipsec.secret import Secret

_KEY_PAD: Final = b"Key Pad for IKEv2"  # section 2.15; no terminating zero


class IkeAlgorithms(Protocol):
    """What key derivation reads of a negotiated proposal (`policy.compiled.IkeProposal`)."""

    @property
    def cipher(self) -> Cipher: ...

    @property
    def integrity(self) -> Integrity | None: ...

    @property
    def prf(self) -> Prf: ...


@dataclass(frozen=True, slots=True)
class IkeKeys:
    """The seven keys of an IKE SA (section 2.14).

    ``sk_ai``/``sk_ar`` are empty with an AEAD; ``sk_ei``/``sk_er`` then end with the salt
    (RFC 5282 section 7).
    """

    sk_d: Secret
    sk_ai: Secret
    sk_ar: Secret
    sk_ei: Secret
    sk_er: Secret
    sk_pi: Secret
    sk_pr: Secret


def derive_ike_keys(
    proposal: IkeAlgorithms,
    shared: Secret,
    nonce_i: bytes,
    nonce_r: bytes,
    spi_i: bytes,
    spi_r: bytes,
) -> IkeKeys:
    """The keys of a first IKE SA (section 2.14); SPIs of 8 octets."""
    seed = compute_prf(proposal.prf, nonce_i + nonce_r, shared.reveal())
    return _split_ike_keys(proposal, seed, nonce_i + nonce_r + spi_i + spi_r)


def rekey_ike_keys(
    old_prf: Prf,
    old_sk_d: Secret,
    proposal: IkeAlgorithms,
    shared: Secret,
    nonce_i: bytes,
    nonce_r: bytes,
    spi_i: bytes,
    spi_r: bytes,
) -> IkeKeys:
    """The keys of an IKE SA that replaces another (section 2.18).

    SKEYSEED is made with the PRF of the old SA, the keys with that of the new; nonces, SPIs and
    shared secret are those of the CREATE_CHILD_SA exchange.
    """
    seed = compute_prf(old_prf, old_sk_d.reveal(), shared.reveal() + nonce_i + nonce_r)
    return _split_ike_keys(proposal, seed, nonce_i + nonce_r + spi_i + spi_r)


def derive_child_keys(
    prf: Prf,
    sk_d: Secret,
    cipher: Cipher,
    integrity: Integrity | None,
    nonce_i: bytes,
    nonce_r: bytes,
    shared: Secret | None = None,
) -> tuple[SaKeys, SaKeys]:
    """The keys of a child SA: initiator to responder, responder to initiator (section 2.17).

    ``shared`` is the secret of the CREATE_CHILD_SA exchange's own key exchange, if it had one.
    """
    exchange = shared.reveal() if shared is not None else b""
    integrity_len = integrity.key_len if integrity is not None else 0
    length = 2 * (cipher.keymat_len + integrity_len)
    parts = _Parts(prf_plus(prf, sk_d.reveal(), exchange + nonce_i + nonce_r, length))
    return (
        SaKeys(parts.take(cipher.keymat_len), parts.take(integrity_len)),
        SaKeys(parts.take(cipher.keymat_len), parts.take(integrity_len)),
    )


def psk_auth(prf: Prf, key: Secret, signed_octets: bytes) -> bytes:
    """Data of the AUTH payload for a preshared key (section 2.15)."""
    return compute_prf(prf, compute_prf(prf, key.reveal(), _KEY_PAD), signed_octets)


def signed_octets(
    prf: Prf, message: bytes, peer_nonce: bytes, sk_p: Secret, id_body: bytes
) -> bytes:
    """What a peer signs (section 2.15).

    ``message`` is its own IKE_SA_INIT message from the first octet of the header, ``peer_nonce``
    the nonce of the other side, ``sk_p`` its SK_pi or SK_pr, ``id_body`` the body of its ID payload
    without the generic header.
    """
    return message + peer_nonce + compute_prf(prf, sk_p.reveal(), id_body)


class _Parts:
    """KEYMAT, cut from the front."""

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def take(self, length: int) -> Secret:
        part, self._octets = self._octets[:length], self._octets[length:]
        return Secret(part)


def _split_ike_keys(proposal: IkeAlgorithms, skeyseed: bytes, seed: bytes) -> IkeKeys:
    prf_len = proposal.prf.output_len
    integrity_len = proposal.integrity.key_len if proposal.integrity is not None else 0
    cipher_len = proposal.cipher.keymat_len
    length = 3 * prf_len + 2 * integrity_len + 2 * cipher_len
    parts = _Parts(prf_plus(proposal.prf, skeyseed, seed, length))
    return IkeKeys(
        sk_d=parts.take(prf_len),
        sk_ai=parts.take(integrity_len),
        sk_ar=parts.take(integrity_len),
        sk_ei=parts.take(cipher_len),
        sk_er=parts.take(cipher_len),
        sk_pi=parts.take(prf_len),
        sk_pr=parts.take(prf_len),
    )
