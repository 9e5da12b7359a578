"""Algorithms that do not hold any more, and what to use in their place."""

from __future__ import annotations

from collections.abc import Iterable

from gatewright.iana.algorithms import Cipher, Group, Integrity, Prf, Strength
from gatewright.policy.checks.view import Protection, View
from gatewright.policy.findings import Finding, Place, note, warning
from gatewright.policy.model import EspMethod, IkeMethod
from gatewright.policy.profiles import ProfileName

_Row = Cipher | Integrity | Prf | Group

_INSTEAD = {
    "des-cbc": "aes-128-gcm",
    "3des-cbc": "aes-128-gcm",
    "null": "aes-128-gcm",
    "hmac-md5-96": "hmac-sha256-128",
    "hmac-sha1-96": "hmac-sha256-128",
    "prf-hmac-md5": "prf-hmac-sha256",
    "prf-hmac-sha1": "prf-hmac-sha256",
    "modp-768": "modp-2048 or x25519",
    "modp-1024": "modp-2048 or x25519",
    "modp-1536": "modp-2048 or x25519",
}

_WHY = {
    "des-cbc": "a DES key is found by trying all in hours",
    "3des-cbc": "64-bit blocks repeat after some gigabytes under one key",
    "null": "it does not encrypt at all",
    "hmac-md5-96": "MD5 is broken as a hash",
    "hmac-sha1-96": "SHA-1 is broken as a hash, though not yet in an HMAC",
    "prf-hmac-md5": "MD5 is broken as a hash",
    "prf-hmac-sha1": "SHA-1 is broken as a hash, though not yet in an HMAC",
    "modp-768": "its discrete logarithms are within reach of anybody",
    "modp-1024": "its discrete logarithms are within reach of a state",
    "modp-1536": "it has less than 112 bits of security",
}


def check(view: View) -> Iterable[Finding]:
    for protection in view.protections():
        exchange, action = protection.key_exchange, protection.action
        by_profile: list[_Row] = []
        for lines, where, profile in (
            (exchange.methods, "the key exchange", exchange.profile),
            (action.methods, "ESP", action.profile),
        ):
            if profile == ProfileName.WINDOWS_2003.value:
                by_profile.extend(_rows(lines))
                continue
            for line in lines:
                yield from _written(line.place, protection, where, _rows([line]))
        if by_profile:
            yield _by_profile(protection, by_profile)


def _rows(methods: Iterable[IkeMethod | EspMethod]) -> list[_Row]:
    """The algorithms of some lines; a prf of the same hash as the integrity is not named twice."""
    rows: dict[_Row, None] = {}
    for method in methods:
        prfs = method.prfs if isinstance(method, IkeMethod) and not method.integrities else ()
        every: tuple[_Row, ...] = (*method.ciphers, *method.integrities, *prfs, *method.groups)
        rows.update(dict.fromkeys(every))
    return list(rows)


def _below(rows: Iterable[_Row], strength: Strength) -> list[_Row]:
    """The rows of this strength or worse."""
    worst = {Strength.LEGACY: (Strength.LEGACY, Strength.WEAK), Strength.WEAK: (Strength.WEAK,)}
    return [row for row in rows if row.strength in worst[strength]]


def _by_profile(protection: Protection, rows: list[_Row]) -> Finding:
    names = ", ".join(dict.fromkeys(row.name for row in _below(rows, Strength.LEGACY)))
    return warning(
        "weak-algorithms",
        protection.key_exchange.place,
        f"{protection.title} uses what a gateway of 2003 has: {names}",
        "single DES and the 768-bit group fall within hours, and none of the rest is recommended "
        "any more (RFC 8221, RFC 8247)",
        "take `profile: modern` as soon as the other gateway can do it",
    )


def _written(
    place: Place, protection: Protection, where: str, rows: list[_Row]
) -> Iterable[Finding]:
    weak, legacy = _below(rows, Strength.WEAK), _below(rows, Strength.LEGACY)
    if not legacy:
        return
    named = weak or legacy
    what = f"{protection.title} offers {', '.join(row.name for row in named)} for {where}"
    why = "; ".join(f"{row.name}: {_WHY[row.name]}" for row in named)
    alternatives = dict.fromkeys(_INSTEAD[row.name] for row in named)
    instead = f"write {', '.join(alternatives)}"
    if weak:
        yield warning("weak-algorithms", place, what, why, instead)
    else:
        yield note("old-algorithms", place, what, why, instead)
