"""Lifetimes that are too short to keep up with or too long to be of use."""

from __future__ import annotations

from collections.abc import Iterable

from gatewright.policy.checks.view import Protection, View
from gatewright.policy.findings import Finding, note, warning
from gatewright.policy.model import EspMethod

ESP_SECONDS = (300, 86_400)
IKE_SECONDS = (900, 172_800)
LEAST_KILOBYTES = 20_480
# A 64-bit block repeats by chance after 2**32 blocks, 32 GiB; well before that, RFC 8221 section 5
# and NIST SP 800-67 want another key.
MOST_KILOBYTES_64_BIT = 1024 * 1024


def check(view: View) -> Iterable[Finding]:
    for protection in view.protections():
        yield from _ike(protection)
        for method in protection.action.methods:
            yield from _esp(protection, method)


def _ike(protection: Protection) -> Iterable[Finding]:
    exchange = protection.key_exchange
    low, high = IKE_SECONDS
    if not low <= exchange.lifetime <= high:
        yield warning(
            "lifetime",
            exchange.place,
            f"{protection.title} gives the IKE SA a life of {exchange.lifetime} s",
            _why(exchange.lifetime < low),
            f"write between {low} s and {high} s; 8h is usual",
        )


def _esp(protection: Protection, method: EspMethod) -> Iterable[Finding]:
    low, high = ESP_SECONDS
    if not low <= method.lifetime <= high:
        yield warning(
            "lifetime",
            method.place,
            f"{protection.title} gives session keys a life of {method.lifetime} s",
            _why(method.lifetime < low),
            f"write between {low} s and {high} s; 1h is usual",
        )
    if method.lifetime > protection.key_exchange.lifetime:
        yield note(
            "lifetime",
            method.place,
            f"{protection.title}: session keys live longer than the IKE SA that made them",
            "it works, and leaves keys in use whose negotiation is forgotten",
            "make the lifetime of IKE the longer one",
        )
    if 0 < method.lifetime_kilobytes < LEAST_KILOBYTES:
        yield warning(
            "lifetime",
            method.place,
            f"{protection.title} renews session keys after {method.lifetime_kilobytes} KB",
            "a fast line would negotiate all the time",
            f"write {LEAST_KILOBYTES} or more, or 0 for no limit",
        )
    small = next((c for c in method.ciphers if c.block == 8 and not c.aead), None)
    if small is not None and not 0 < method.lifetime_kilobytes <= MOST_KILOBYTES_64_BIT:
        yield warning(
            "lifetime",
            method.place,
            f"{protection.title} uses {small.name} without a limit of at most "
            f"{MOST_KILOBYTES_64_BIT} KB",
            "its 64-bit blocks repeat after some gigabytes under one key and then reveal text",
            "write 100000 kilobytes, or take a cipher with larger blocks",
        )


def _why(short: bool) -> str:
    if short:
        return "each renewal costs a negotiation and a moment in which something can go wrong"
    return "a key that was found out opens everything sent in that time"
