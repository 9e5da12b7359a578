"""DES keys under which encryption is (nearly) its own inverse, and 3DES keys that are single DES.

RFC 2409 appendix A and RFC 2405 section 3.2 tell to refuse the former, RFC 2451 section 2.3 the
latter.  A derived key is one of them with probability 2**-52: whoever meets one negotiates anew.
"""

from __future__ import annotations

from typing import Final

from gatewright.iana.algorithms import Cipher

_DES: Final = "des-cbc"
_TRIPLE_DES: Final = "3des-cbc"

# The table of RFC 2409 appendix A, with the parity bits (the lowest of each octet) cleared.
_WEAK_AND_SEMI_WEAK: Final = frozenset(
    bytes.fromhex(key)
    for key in (
        "0000000000000000",
        "fefefefefefefefe",
        "1e1e1e1e0e0e0e0e",
        "e0e0e0e0f0f0f0f0",
        "00fe00fe00fe00fe",
        "fe00fe00fe00fe00",
        "1ee01ee00ef00ef0",
        "e01ee01ef00ef00e",
        "00e000e000f000f0",
        "e000e000f000f000",
        "1efe1efe0efe0efe",
        "fe1efe1efe0efe0e",
        "001e001e000e000e",
        "1e001e000e000e00",
        "e0fee0fef0fef0fe",
        "fee0fee0fef0fef0",
    )
)


class WeakKey(Exception):
    """Key derivation gave a key that the cipher must not be used with; the message names which."""


def refuse_weak_key(cipher: Cipher, key: bytes) -> None:
    """Raises `WeakKey`; ciphers without weak keys pass."""
    if cipher.name == _DES and _without_parity(key) in _WEAK_AND_SEMI_WEAK:
        raise WeakKey("weak or semi-weak DES key")
    if cipher.name == _TRIPLE_DES:
        first, second, third = (_without_parity(key[i : i + 8]) for i in (0, 8, 16))
        if second in (first, third):
            raise WeakKey("3DES key that amounts to single DES")


def _without_parity(key: bytes) -> bytes:
    return bytes(octet & 0xFE for octet in key)
