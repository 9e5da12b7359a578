"""Digests, HMAC and the pseudo-random functions of both IKE versions.

In IKEv2 the PRF is negotiated (RFC 7296 section 3.3.2); in IKEv1 it is HMAC over the negotiated
hash (RFC 2409 section 4).  Every PRF here is an HMAC: keys of any length, preferred key length
equal to the output length (RFC 7296 section 2.13).
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import hashes, hmac

from gatewright.iana.algorithms import Prf

_MAXIMUM_ROUNDS: Final = 255  # the round number is one octet (RFC 7296 section 2.13)

# MD5 and SHA-1 stand here for IKEv1 peers of their time and for NAT detection (RFC 7296 section
# 2.23 prescribes SHA-1); what may be negotiated is decided by the policy, not here.
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "md5": hashes.MD5(),  # noqa: S303
    "sha1": hashes.SHA1(),  # noqa: S303
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


def digest(hash_name: str, data: bytes) -> bytes:
    """The hash of ``data``; ``hash_name`` as in the ``hash`` column of the algorithm tables."""
    context = hashes.Hash(_HASHES[hash_name])
    context.update(data)
    return context.finalize()


def keyed_digest(hash_name: str, key: bytes, data: bytes) -> bytes:
    """HMAC (RFC 2104), not truncated."""
    context = hmac.HMAC(key, _HASHES[hash_name])
    context.update(data)
    return context.finalize()


def prf(algorithm: Prf, key: bytes, data: bytes) -> bytes:
    """``algorithm.output_len`` octets (RFC 7296 section 2.13, RFC 2409 section 4)."""
    return keyed_digest(algorithm.hash, key, data)


def prf_plus(algorithm: Prf, key: bytes, seed: bytes, length: int) -> bytes:
    """``length`` octets of ``prf+(key, seed)`` (RFC 7296 section 2.13).

    Raises ValueError when that would take more than the 255 rounds that the RFC defines.
    """
    if not 0 <= length <= _MAXIMUM_ROUNDS * algorithm.output_len:
        raise ValueError(f"prf+ with {algorithm.name} cannot give {length} octets")
    output = b""
    block = b""
    round_number = 0
    while len(output) < length:
        round_number += 1
        block = prf(algorithm, key, block + seed + bytes([round_number]))
        output += block
    return output[:length]
