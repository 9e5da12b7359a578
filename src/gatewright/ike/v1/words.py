"""Values of attributes in words: the policy's own word where it has one."""

from __future__ import annotations

from gatewright.iana.algorithms import CIPHERS, GROUP_BY_NUMBER, INTEGRITIES, PRFS
from gatewright.iana.ikev1 import (
    AuthenticationAlgorithm,
    AuthenticationMethod,
    EncapsulationMode,
    EncryptionAlgorithm,
    EspTransform,
    HashAlgorithm,
)

NONE = "none"


def phase_one_cipher(number: int, key_bits: int) -> str:
    for cipher in CIPHERS:
        fits = cipher.key_bits == key_bits or not cipher.key_length_attribute
        if cipher.ikev1 == number and fits:
            return cipher.name
    return _with_bits(EncryptionAlgorithm.describe(number) if number else NONE, key_bits)


def esp_cipher(number: int, key_bits: int) -> str:
    for cipher in CIPHERS:
        fits = cipher.key_bits == key_bits or not cipher.key_length_attribute
        if cipher.doi == number and fits:
            return cipher.name
    return _with_bits(EspTransform.describe(number), key_bits)


def hash_(number: int) -> str:
    found = next((prf.hash for prf in PRFS if prf.ikev1 == number), None)
    return found or (HashAlgorithm.describe(number) if number else NONE)


def integrity(number: int) -> str:
    found = next((row.name for row in INTEGRITIES if row.doi == number), None)
    return found or (AuthenticationAlgorithm.describe(number) if number else NONE)


def group(number: int) -> str:
    found = GROUP_BY_NUMBER.get(number)
    return found.name if found is not None else (f"group {number}" if number else NONE)


def authentication_method(number: int) -> str:
    known = AuthenticationMethod.find(number)
    return known.text if known is not None else f"method {number}"


def encapsulation_mode(number: int) -> str:
    known = EncapsulationMode.find(number)
    return known.text if known is not None else (f"mode {number}" if number else NONE)


def _with_bits(name: str, key_bits: int) -> str:
    return f"{name} with {key_bits} bits" if key_bits else name
