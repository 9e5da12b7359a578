"""Transforms by the names that people know them by."""

from __future__ import annotations

from gatewright.iana import algorithms
from gatewright.iana.ikev2 import (
    EncryptionId,
    GroupId,
    IntegrityId,
    PrfId,
    SequenceNumbers,
    TransformType,
)
from gatewright.iana.registry import Registry

Algorithm = tuple[int, int | None]
"""Transform ID and key length in bits, None without the attribute."""

NONE: Algorithm = (0, None)

_REGISTRIES: dict[int, type[Registry]] = {
    TransformType.ENCR: EncryptionId,
    TransformType.PRF: PrfId,
    TransformType.INTEG: IntegrityId,
    TransformType.KE: GroupId,
    TransformType.SN: SequenceNumbers,
}


def cipher_algorithm(cipher: algorithms.Cipher) -> Algorithm:
    return cipher.ikev2, cipher.key_bits if cipher.key_length_attribute else None


def _policy_name(kind: int, algorithm: Algorithm) -> str | None:
    number = algorithm[0]
    if kind == TransformType.ENCR:
        return next((c.name for c in algorithms.CIPHERS if cipher_algorithm(c) == algorithm), None)
    if kind == TransformType.INTEG:
        return next((i.name for i in algorithms.INTEGRITIES if i.ikev2 == number), None)
    if kind == TransformType.PRF:
        return next((p.name for p in algorithms.PRFS if p.ikev2 == number), None)
    if kind == TransformType.KE:
        group = algorithms.GROUP_BY_NUMBER.get(number)
        return group.name if group is not None else None
    return None


def algorithm_name(kind: int, algorithm: Algorithm) -> str:
    """As a policy writes it, or as IANA does when Gatewright does not have it."""
    known = _policy_name(kind, algorithm)
    if known is not None:
        return known
    number, key_length = algorithm
    registry = _REGISTRIES.get(kind)
    member = registry.find(number) if registry is not None else None
    if kind == TransformType.SN and member is not None:
        return member.text
    if registry is not None and algorithm == NONE and kind != TransformType.ENCR:
        return "none"
    name = member.text if member is not None else f"unknown ({number})"
    return f"{name} with {key_length} bits" if key_length is not None else name


def item_name(kind: int) -> str:
    """What a transform type decides, in words."""
    member = TransformType.find(kind)
    return member.text if member is not None else f"transform type {kind}"
