"""What the kernel calls the algorithms of ESP, and how their keys are handed over."""

from __future__ import annotations

import struct

from gatewright.dataplane.kernel.layout import Attribute
from gatewright.iana.algorithms import Cipher, Integrity
from gatewright.ipsec.association import SaKeys
from gatewright.netlink.messages import attribute

_NAME = "=64s"
_CIPHER = struct.Struct(f"{_NAME}I")
_WITH_TAG = struct.Struct(f"{_NAME}II")

_AEADS = {
    "aes-256-gcm": "rfc4106(gcm(aes))",
    "aes-192-gcm": "rfc4106(gcm(aes))",
    "aes-128-gcm": "rfc4106(gcm(aes))",
    "chacha20-poly1305": "rfc7539esp(chacha20,poly1305)",
}
_CIPHERS = {
    "aes-256-cbc": "cbc(aes)",
    "aes-192-cbc": "cbc(aes)",
    "aes-128-cbc": "cbc(aes)",
    "3des-cbc": "cbc(des3_ede)",
    "des-cbc": "cbc(des)",
    "null": "ecb(cipher_null)",
}


def known(cipher: Cipher, integrity: Integrity | None) -> bool:
    """Whether there is a name for it; the kernel at hand may still not have it."""
    return cipher.name in (_AEADS if integrity is None else _CIPHERS)


def algorithm_attributes(cipher: Cipher, integrity: Integrity | None, keys: SaKeys) -> bytes:
    """The attributes of an SA with these algorithms and keys.

    Raises KeyError where the kernel has no such algorithm.
    """
    key = keys.encryption.reveal()
    if integrity is None:
        head = _named(_WITH_TAG, _AEADS[cipher.name], len(key), cipher.icv_len)
        return attribute(Attribute.AEAD, head + key)
    mac_key = keys.integrity.reveal()
    mac = _named(_WITH_TAG, f"hmac({integrity.hash})", len(mac_key), integrity.icv_len)
    return attribute(Attribute.INTEGRITY, mac + mac_key) + attribute(
        Attribute.CIPHER, _named(_CIPHER, _CIPHERS[cipher.name], len(key)) + key
    )


def _named(structure: struct.Struct, name: str, *octets: int) -> bytes:
    """Lengths are in bits."""
    return structure.pack(name.encode(), *(8 * each for each in octets))
