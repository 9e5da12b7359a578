"""Chains of payloads taken apart and put together again, with lengths that are right.

Payloads, proposals and transforms of both versions of IKE begin alike: what follows, a reserved
octet, the length (RFC 2408 section 3.2, RFC 7296 sections 3.2 and 3.3).  Nothing of the gateway's
own parsers is used here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEADER = 28
_GENERIC = 4
_LARGEST = 0xFFFF


@dataclass(frozen=True, slots=True)
class Link:
    """One payload or substructure.  ``kind`` is what the one before it said that it is."""

    kind: int
    flags: int
    body: bytes


def split(first: int, octets: bytes) -> list[Link]:
    """The links of a chain, as far as its lengths are right; what follows is left out."""
    links: list[Link] = []
    kind, position = first, 0
    while kind and position + _GENERIC <= len(octets):
        following, flags = octets[position], octets[position + 1]
        length = int.from_bytes(octets[position + 2 : position + 4], "big")
        if length < _GENERIC or position + length > len(octets):
            break
        links.append(Link(kind, flags, octets[position + _GENERIC : position + length]))
        kind, position = following, position + length
    return links


def join(links: Sequence[Link], last: int = 0) -> tuple[int, bytes]:
    """Kind of the first link, and the octets of all; ``last`` is said to follow the last one."""
    kinds = [*(link.kind for link in links), last]
    parts = []
    for following, link in zip(kinds[1:], links, strict=True):
        length = min(_GENERIC + len(link.body), _LARGEST)
        head = bytes((following & 0xFF, link.flags)) + length.to_bytes(2, "big")
        parts.append(head + link.body[: length - _GENERIC])
    return kinds[0] & 0xFF, b"".join(parts)


def with_chain(message: bytes, links: Sequence[Link]) -> bytes:
    """The message with another chain in clear, its header made to fit."""
    first, body = join(links)
    return with_body(message[:16] + bytes((first,)) + message[17:], body)


def with_body(message: bytes, body: bytes) -> bytes:
    """The message with other octets behind its header, whose length is made to fit."""
    length = (HEADER + len(body)).to_bytes(4, "big")
    return message[:24] + length + body
