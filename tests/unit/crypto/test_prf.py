from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.crypto.prf import digest, keyed_digest, prf, prf_plus
from gatewright.iana.algorithms import INTEGRITIES, PRF_BY_NAME, PRFS, Prf

# Key "Jefe": RFC 2202 sections 2 and 3, RFC 4231 section 4.3 (the same as RFC 4868 PRF-2).
JEFE = {
    "md5": "750c783e6ab0b503eaa86e310a5db738",
    "sha1": "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
    "sha256": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    "sha384": (
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ec"
        "fab21649"
    ),
    "sha512": (
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65"
        "f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
    ),
}


@pytest.mark.parametrize("algorithm", PRFS, ids=lambda row: row.name)
def test_published_hmac_values(algorithm: Prf) -> None:
    output = prf(algorithm, b"Jefe", b"what do ya want for nothing?")
    assert output.hex() == JEFE[algorithm.hash]
    assert len(output) == algorithm.output_len


def test_keys_longer_than_a_block_are_hashed_first() -> None:
    """RFC 2202 section 2, case 6."""
    data = b"Test Using Larger Than Block-Size Key - Hash Key First"
    output = prf(PRF_BY_NAME["prf-hmac-md5"], b"\xaa" * 80, data)
    assert output.hex() == "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"


@pytest.mark.parametrize(
    "name", sorted({row.hash for row in PRFS} | {row.hash for row in INTEGRITIES})
)
def test_every_hash_of_the_tables_is_there(name: str) -> None:
    assert digest(name, b"") != digest(name, b"\x00")
    assert keyed_digest(name, b"", b"") != keyed_digest(name, b"", b"\x00")


@given(length=st.integers(0, 1000), shorter=st.integers(0, 1000))
def test_prf_plus_is_one_stream(length: int, shorter: int) -> None:
    algorithm = PRF_BY_NAME["prf-hmac-sha1"]
    stream = prf_plus(algorithm, b"key", b"seed", length)
    assert len(stream) == length
    prefix = min(length, shorter)
    assert prf_plus(algorithm, b"key", b"seed", prefix) == stream[:prefix]


def test_prf_plus_ends_after_255_rounds() -> None:
    """RFC 7296 section 2.13: the round is one octet."""
    algorithm = PRF_BY_NAME["prf-hmac-md5"]
    assert len(prf_plus(algorithm, b"key", b"seed", 255 * 16)) == 255 * 16
    for length in (255 * 16 + 1, -1):
        with pytest.raises(ValueError, match="prf-hmac-md5"):
            prf_plus(algorithm, b"key", b"seed", length)
