"""Stable numbers for SPD entries: the same entry has the same number in every policy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from gatewright.policy.compiled import SpdEntry

LARGEST = 2**31 - 1


def numbered(entries: Iterable[SpdEntry]) -> list[SpdEntry]:
    """The entries in their order, with ``id`` derived from the other fields.

    Two entries with one hash (once in a thousand policies of 2000 entries) are told apart by
    hashing the later of them, in order of content, once more; the order in the policy does not
    matter.  Entries with the same content must have been removed.
    """
    listed = list(entries)
    contents = [_content(entry) for entry in listed]
    used: set[int] = set()
    numbers: dict[str, int] = {}
    for content in sorted(contents):
        attempt = 0
        while (number := _hash(content, attempt)) in used:
            attempt += 1
        used.add(number)
        numbers[content] = number
    return [
        replace(entry, id=numbers[content]) for entry, content in zip(listed, contents, strict=True)
    ]


def _content(entry: SpdEntry) -> str:
    parts = (
        entry.action.value,
        entry.tunnel,
        entry.child,
        entry.name,
        repr(tuple(map(str, entry.local))),
        repr(tuple(map(str, entry.remote))),
    )
    return repr(parts)


def _hash(content: str, attempt: int) -> int:
    digest = sha256(f"{attempt}|{content}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % LARGEST + 1
