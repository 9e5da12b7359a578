"""Algorithms as a policy writes them: ``aes-256-gcm | aes-128-gcm / prf-hmac-sha256 / x25519``.

A slash separates the kinds of algorithm, a bar the alternatives of one kind, in order of
preference; each combination is acceptable.  The order of the kinds does not matter, since no two
kinds share a name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gatewright.iana.algorithms import (
    CIPHER_BY_NAME,
    GROUP_BY_NAME,
    INTEGRITY_BY_NAME,
    PRF_BY_NAME,
    PRFS,
    Cipher,
    Group,
    Integrity,
    Prf,
)
from gatewright.policy.findings import Place
from gatewright.policy.model import EspMethod, IkeMethod
from gatewright.policy.reading import InvalidValueError, nearest, shown

MAX_TEXT = 1000

_KINDS: tuple[tuple[str, Iterable[str]], ...] = (
    ("encryption", CIPHER_BY_NAME),
    ("integrity", INTEGRITY_BY_NAME),
    ("prf", PRF_BY_NAME),
    ("group", GROUP_BY_NAME),
)

# What other gateways and RFCs call them, in lower case.
_OTHER_NAMES = {
    "aes128": "aes-128-cbc",
    "aes192": "aes-192-cbc",
    "aes256": "aes-256-cbc",
    "aes-128": "aes-128-cbc",
    "aes-256": "aes-256-cbc",
    "aes128gcm16": "aes-128-gcm",
    "aes192gcm16": "aes-192-gcm",
    "aes256gcm16": "aes-256-gcm",
    "aes128gcm": "aes-128-gcm",
    "aes256gcm": "aes-256-gcm",
    "chacha20poly1305": "chacha20-poly1305",
    "3des": "3des-cbc",
    "des": "des-cbc",
    "md5": "hmac-md5-96",
    "sha1": "hmac-sha1-96",
    "sha": "hmac-sha1-96",
    "sha256": "hmac-sha256-128",
    "sha384": "hmac-sha384-192",
    "sha512": "hmac-sha512-256",
    "hmac-sha256": "hmac-sha256-128",
    "hmac-sha384": "hmac-sha384-192",
    "hmac-sha512": "hmac-sha512-256",
    "prfsha256": "prf-hmac-sha256",
    "prfsha384": "prf-hmac-sha384",
    "prfsha512": "prf-hmac-sha512",
    "prf-sha256": "prf-hmac-sha256",
    "prf-sha384": "prf-hmac-sha384",
    "curve25519": "x25519",
    "ecp256": "ecp-256",
    "ecp384": "ecp-384",
    "ecp521": "ecp-521",
    "modp768": "modp-768",
    "modp1024": "modp-1024",
    "modp1536": "modp-1536",
    "modp2048": "modp-2048",
    "modp3072": "modp-3072",
    "modp4096": "modp-4096",
    "group1": "modp-768",
    "group2": "modp-1024",
    "group5": "modp-1536",
    "group14": "modp-2048",
    "group19": "ecp-256",
    "group20": "ecp-384",
}


@dataclass(frozen=True, slots=True)
class _Parts:
    ciphers: tuple[Cipher, ...]
    integrities: tuple[Integrity, ...]
    prfs: tuple[Prf, ...]
    groups: tuple[Group, ...]


def parse_ike(text: str, place: Place) -> IkeMethod:
    """One line of key-exchange algorithms.  Raises ``InvalidValueError``."""
    parts = _parse(text)
    _check_protection(parts)
    if not parts.groups:
        raise InvalidValueError(
            f"{shown(text)} has no group",
            "each IKE SA begins with a key exchange in a group",
            f"write `{text} / x25519`, or `modp-2048` for IKEv1",
        )
    if any(cipher.name == "null" for cipher in parts.ciphers):
        raise InvalidValueError(
            "the key exchange cannot be unencrypted",
            "RFC 7296 section 3.3.2 has no null encryption for an IKE SA",
            "name a cipher; `null` is for ESP alone",
        )
    prfs = parts.prfs or _prfs_of(parts.integrities)
    if not prfs:
        raise InvalidValueError(
            f"{shown(text)} has no prf",
            "an authenticated cipher brings no hash that keys could be derived with",
            f"write `{text} / prf-hmac-sha256`",
        )
    return IkeMethod(parts.ciphers, parts.integrities, prfs, parts.groups, place)


def parse_esp(
    text: str,
    place: Place,
    *,
    esn: bool = True,
    lifetime: int = 3600,
    lifetime_kilobytes: int = 0,
) -> EspMethod:
    """One line of ESP algorithms; a group asks for perfect forward secrecy.

    Raises ``InvalidValueError``.
    """
    parts = _parse(text)
    _check_protection(parts)
    if parts.prfs:
        raise InvalidValueError(
            f"{shown(text)} names a prf",
            "session keys are derived with the prf of the IKE SA",
            "remove the prf here; it belongs to the key exchange",
        )
    return EspMethod(
        parts.ciphers, parts.integrities, parts.groups, esn, lifetime, lifetime_kilobytes, place
    )


def parse_groups(text: str) -> tuple[Group, ...]:
    """Groups alone, for `pfs`.  Raises ``InvalidValueError``."""
    parts = _parse(text, need_cipher=False)
    if parts.ciphers or parts.integrities or parts.prfs or not parts.groups:
        raise InvalidValueError(
            f"{shown(text)} is no list of groups",
            "perfect forward secrecy is a key exchange in a group for each session key",
            f"write `yes`, `no`, or groups: {' | '.join(GROUP_BY_NAME)}",
        )
    return parts.groups


def format_ike(method: IkeMethod) -> str:
    """The text that ``parse_ike`` reads as this method."""
    prfs = () if method.prfs == _prfs_of(method.integrities) else method.prfs
    return _join(method.ciphers, method.integrities, prfs, method.groups)


def format_esp(method: EspMethod) -> str:
    return _join(method.ciphers, method.integrities, method.groups)


def _join(
    *kinds: tuple[Cipher, ...] | tuple[Integrity, ...] | tuple[Prf, ...] | tuple[Group, ...],
) -> str:
    return " / ".join(" | ".join(row.name for row in kind) for kind in kinds if kind)


def _parse(text: str, *, need_cipher: bool = True) -> _Parts:
    if len(text) > MAX_TEXT:
        raise InvalidValueError(
            "the text is too long", "it names a few algorithms", "write several lines"
        )
    found: dict[str, tuple[str, ...]] = {}
    for part in text.split("/"):
        names = [name.strip().lower() for name in part.split("|")]
        kinds = [_kind_of(name) for name in names]
        if len(set(kinds)) > 1:
            raise InvalidValueError(
                f"{shown(part.strip())} offers a choice between different kinds of algorithm",
                "a bar separates alternatives of one kind, a slash the kinds",
                "write for example `aes-256-gcm | aes-128-gcm / x25519 | ecp-256`",
            )
        if kinds[0] in found:
            raise InvalidValueError(
                f"{shown(text)} names {kinds[0]} twice",
                "a slash separates different kinds of algorithm",
                "separate alternatives of one kind with a bar, `aes-256-gcm | aes-128-gcm`",
            )
        found[kinds[0]] = tuple(dict.fromkeys(names))
    if need_cipher and "encryption" not in found:
        raise InvalidValueError(
            f"{shown(text)} names no encryption",
            "each security method encrypts (`null` says that ESP shall only authenticate)",
            f"begin with one of {', '.join(CIPHER_BY_NAME)}",
        )
    return _Parts(
        tuple(CIPHER_BY_NAME[name] for name in found.get("encryption", ())),
        tuple(INTEGRITY_BY_NAME[name] for name in found.get("integrity", ())),
        tuple(PRF_BY_NAME[name] for name in found.get("prf", ())),
        tuple(GROUP_BY_NAME[name] for name in found.get("group", ())),
    )


def _kind_of(name: str) -> str:
    for kind, names in _KINDS:
        if name in names:
            return kind
    every = [known for _, names in _KINDS for known in names]
    meant = _OTHER_NAMES.get(name.replace("_", "-")) or nearest(name, every)
    raise InvalidValueError(
        f"{shown(name)} is not an algorithm that Gatewright knows",
        "a name that is not known cannot be offered; docs/policy-file.md lists them",
        f"write `{meant}`" if meant else f"the names are {', '.join(every)}",
    )


def _check_protection(parts: _Parts) -> None:
    aead = [cipher for cipher in parts.ciphers if cipher.aead]
    if aead and len(aead) < len(parts.ciphers):
        plain = next(cipher for cipher in parts.ciphers if not cipher.aead)
        raise InvalidValueError(
            f"{aead[0].name} authenticates by itself and {plain.name} does not",
            f"{plain.name} needs an integrity algorithm beside it, {aead[0].name} must have none",
            "write two lines, one for each sort",
        )
    if aead and parts.integrities:
        raise InvalidValueError(
            f"{aead[0].name} stands with {parts.integrities[0].name}",
            f"{aead[0].name} is an AEAD: it authenticates by itself, and a second integrity "
            "algorithm may not be negotiated (RFC 7296 section 3.3.3)",
            f"remove `{parts.integrities[0].name}`",
            code="aead-with-integrity",
        )
    if parts.ciphers and not aead and not parts.integrities:
        raise InvalidValueError(
            f"{parts.ciphers[0].name} stands without an integrity algorithm",
            "what is encrypted only, an attacker can change unnoticed (RFC 8221 section 4)",
            f"write `{parts.ciphers[0].name} / hmac-sha256-128`, or `aes-256-gcm` alone",
        )


def _prfs_of(integrities: tuple[Integrity, ...]) -> tuple[Prf, ...]:
    """The prf of the same hash, for a line that does not name one."""
    by_hash = {prf.hash: prf for prf in PRFS}
    return tuple(by_hash[integrity.hash] for integrity in integrities)
