"""Octets that must not be printed."""

from __future__ import annotations


class Secret:
    """Key material.  Neither ``repr``, ``str`` nor a traceback shows the octets.

    ``reveal()`` is the one way to them, so that every place that reads a key can be found.
    """

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def reveal(self) -> bytes:
        return self._octets

    def __len__(self) -> int:
        return len(self._octets)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._octets == other._octets

    def __hash__(self) -> int:
        return hash(self._octets)

    def __repr__(self) -> str:
        return f"Secret({len(self._octets)} octets)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is not serialised")
