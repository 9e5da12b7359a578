"""Key exchange: MODP (RFC 2409, RFC 3526), ECP (RFC 5903) and X25519 (RFC 8031).

One generated key serves one exchange; nothing here is reused, so the tests that RFC 6989 wants
for each received public value are those for ephemeral keys.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from gatewright.crypto import modp
from gatewright.iana.algorithms import Group
from gatewright.ipsec.secret import Secret

RandomSource = Callable[[int], bytes]
"""Gives that many unpredictable octets; a seeded generator in tests."""

_CURVES: Final[dict[int, tuple[ec.EllipticCurve, int]]] = {  # by group number: curve, its order
    19: (
        ec.SECP256R1(),
        0xFFFFFFFF_00000000_FFFFFFFF_FFFFFFFF_BCE6FAAD_A7179E84_F3B9CAC2_FC632551,
    ),
    20: (
        ec.SECP384R1(),
        2**384 - 0x389CB27E_0BC8D220_A7E5F24D_B74F5885_1313E695_333AD68D,
    ),
    21: (
        ec.SECP521R1(),
        2**521 - 0x00000005_AE79787C_40D06994_8033FEB7_08F65A2F_C44A3647_7663B851_449048E1_6EC79BF7,
    ),
}
_UNCOMPRESSED_POINT: Final = b"\x04"  # SEC 1 section 2.3.3; RFC 5903 section 7 sends x | y alone
_X25519: Final = 31
_EXTRA_OCTETS: Final = 8  # so that the reduction modulo the order has no bias (FIPS 186-5 A.2.1)


class InvalidPublicValue(Exception):
    """The peer's public value is none of this group, or would give away the secret.

    The message names the test that failed.
    """


class KeyExchange(ABC):
    """One side of one exchange.  ``public`` is what a KE payload carries after the group number."""

    __slots__ = ("group", "public")

    def __init__(self, group: Group, public: bytes) -> None:
        self.group = group
        self.public = public

    def shared_secret(self, peer_public: bytes) -> Secret:
        """The secret, ``group.secret_len`` octets, as key derivation takes it.

        Raises `InvalidPublicValue` for a value that RFC 6989 section 2 tells to refuse: wrong
        length, 0, 1 or p - 1 (MODP), not on the curve (ECP), an all-zero result (X25519).
        """
        if len(peer_public) != self.group.public_len:
            raise InvalidPublicValue(
                f"{self.group.name} has public values of {self.group.public_len} octets, "
                f"not {len(peer_public)}"
            )
        return Secret(self._agree(peer_public))

    @abstractmethod
    def _agree(self, peer_public: bytes) -> bytes: ...

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.group.name})"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a key exchange is not serialised")


def generate(group: Group, random: RandomSource) -> KeyExchange:
    """A fresh key of this group."""
    if group.number == _X25519:
        return _X25519Exchange(group, random)
    if group.number in _CURVES:
        return _EcpExchange(group, random)
    return _ModpExchange(group, random)


class _ModpExchange(KeyExchange):
    __slots__ = ("_prime", "_private")

    def __init__(self, group: Group, random: RandomSource) -> None:
        self._prime = modp.PRIMES[group.public_len]
        self._private = modp.exponent(random(modp.EXPONENT_LENGTH))
        public = modp.power(self._prime, modp.GENERATOR, self._private)
        # RFC 7296 section 3.4, RFC 2409 section 5: padded to the length of the modulus.
        super().__init__(group, public.to_bytes(group.public_len, "big"))

    def _agree(self, peer_public: bytes) -> bytes:
        peer = int.from_bytes(peer_public, "big")
        if not 1 < peer < self._prime - 1:  # RFC 6989 section 2.1
            raise InvalidPublicValue(f"{self.group.name}: public value out of range")
        shared = modp.power(self._prime, peer, self._private)
        # RFC 7296 section 2.14: g^ir keeps leading zeros up to the length of the modulus.
        return shared.to_bytes(self.group.secret_len, "big")


class _EcpExchange(KeyExchange):
    __slots__ = ("_curve", "_private")

    def __init__(self, group: Group, random: RandomSource) -> None:
        self._curve, order = _CURVES[group.number]
        octets = random(group.secret_len + _EXTRA_OCTETS)
        scalar = int.from_bytes(octets, "big") % (order - 1) + 1
        self._private = ec.derive_private_key(scalar, self._curve)
        point = self._private.public_key().public_numbers()
        half = group.public_len // 2
        super().__init__(group, point.x.to_bytes(half, "big") + point.y.to_bytes(half, "big"))

    def _agree(self, peer_public: bytes) -> bytes:
        try:  # from_encoded_point checks that the point is on the curve (RFC 6989 section 2.3)
            peer = ec.EllipticCurvePublicKey.from_encoded_point(
                self._curve, _UNCOMPRESSED_POINT + peer_public
            )
        except ValueError as error:
            raise InvalidPublicValue(f"{self.group.name}: the point is not on the curve") from error
        # The result is x alone, of full length (RFC 5903 section 7 and 9).
        return self._private.exchange(ec.ECDH(), peer)


class _X25519Exchange(KeyExchange):
    __slots__ = ("_private",)

    def __init__(self, group: Group, random: RandomSource) -> None:
        self._private = X25519PrivateKey.from_private_bytes(random(group.secret_len))
        super().__init__(group, self._private.public_key().public_bytes_raw())

    def _agree(self, peer_public: bytes) -> bytes:
        try:  # raises for the all-zero result of a low-order point (RFC 7748 section 6.1)
            return self._private.exchange(X25519PublicKey.from_public_bytes(peer_public))
        except ValueError as error:
            raise InvalidPublicValue(f"{self.group.name}: the result is zero") from error
