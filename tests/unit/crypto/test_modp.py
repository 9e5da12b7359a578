from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.crypto import modp

# RFC 2409 section 6.1 and 6.2, RFC 3526 sections 2 to 5: the constant in each prime's formula.
FORMULA = {96: 149686, 128: 129093, 192: 741804, 256: 124476, 384: 1690314, 512: 240904}


def pi_times_power_of_two(bits: int) -> int:
    """``floor(pi * 2 ** bits)``, by Machin's formula in exact fractions of 2 ** (bits + 64)."""

    def arctangent_of_inverse(value: int) -> int:
        power = (1 << (bits + 64)) // value
        total = 0
        for odd, sign in zip(itertools.count(1, 2), itertools.cycle((1, -1))):
            if not power:
                return total
            total += sign * (power // odd)
            power //= value * value
        raise AssertionError

    return (16 * arctangent_of_inverse(5) - 4 * arctangent_of_inverse(239)) >> 64


@pytest.mark.parametrize("length", FORMULA)
def test_primes_follow_their_formula(length: int) -> None:
    """RFC 3526: p = 2^n - 2^(n-64) - 1 + 2^64 * ([2^(n-130) pi] + c)."""
    bits = 8 * length
    pi = pi_times_power_of_two(bits - 130)
    expected = 2**bits - 2 ** (bits - 64) - 1 + 2**64 * (pi + FORMULA[length])
    assert modp.PRIMES[length] == expected


def test_pi_itself() -> None:
    assert Fraction(pi_times_power_of_two(200), 2**200) - Fraction(355, 113) < Fraction(1, 10**6)
    assert pi_times_power_of_two(2) == 12


def test_exponents_have_one_length() -> None:
    for octets in (bytes(modp.EXPONENT_LENGTH), b"\xff" * modp.EXPONENT_LENGTH):
        assert modp.exponent(octets).bit_length() == 8 * modp.EXPONENT_LENGTH


@pytest.mark.parametrize("length", modp.PRIMES)
def test_library_and_pow_agree(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    prime = modp.PRIMES[length]
    private = modp.exponent(b"\x5a" * modp.EXPONENT_LENGTH)
    peer = pow(modp.GENERATOR, modp.exponent(b"\x3c" * modp.EXPONENT_LENGTH), prime)
    powers = [modp.power(prime, base, private) for base in (modp.GENERATOR, peer)]
    assert powers == [pow(base, private, prime) for base in (modp.GENERATOR, peer)]
    monkeypatch.setattr(modp, "_LIBRARY_HAS_MODP", False)
    assert powers == [modp.power(prime, base, private) for base in (modp.GENERATOR, peer)]


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=192, max_size=192))
def test_whatever_the_peer_sends_in_range_is_taken(octets: bytes) -> None:
    """Also a value outside the subgroup of prime order: RFC 6989 section 2.1 asks no more."""
    prime = modp.PRIMES[192]
    peer = 2 + int.from_bytes(octets, "big") % (prime - 3)
    private = modp.exponent(b"\x11" * modp.EXPONENT_LENGTH)
    assert modp.power(prime, peer, private) == pow(peer, private, prime)
