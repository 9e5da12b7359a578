"""Which members belong to a key, and to which key a member belongs."""

from __future__ import annotations

from typing import Generic, TypeVar

Key = TypeVar("Key")
Member = TypeVar("Member")


class Grouping(Generic[Key, Member]):
    """Members in groups, each in one at most."""

    def __init__(self) -> None:
        self._groups: dict[Key, dict[Member, None]] = {}
        self._key_of: dict[Member, Key] = {}

    def put(self, member: Member, key: Key) -> None:
        """The member belongs to this key from now on, and to no other.

        Where it did already, it keeps its place.
        """
        if member in self._key_of:
            if self._key_of[member] == key:
                return
            self.discard(member)
        self._key_of[member] = key
        self._groups.setdefault(key, {})[member] = None

    def discard(self, member: Member) -> None:
        """It belongs to no key; nothing when it did not before."""
        if member not in self._key_of:
            return
        key = self._key_of.pop(member)
        group = self._groups[key]
        del group[member]
        if not group:
            del self._groups[key]

    def of(self, key: Key) -> list[Member]:
        """The members of a key, in the order in which they came to it."""
        return list(self._groups.get(key, ()))

    def first(self, key: Key) -> Member | None:
        """The member that came first; None when there is none."""
        return next(iter(self._groups.get(key, ())), None)

    def size(self, key: Key) -> int:
        return len(self._groups.get(key, ()))

    def key_of(self, member: Member) -> Key | None:
        return self._key_of.get(member)

    def __len__(self) -> int:
        """How many keys have members."""
        return len(self._groups)
