"""The base of every number table: an integer that knows its RFC and its meaning."""

from __future__ import annotations

from enum import IntEnum
from typing import Self


class Registry(IntEnum):
    """An IANA registry as an enum: the value is the number on the wire.

    Members are written ``NAME = number, "RFC 7296", "plain English"``.  A number that a peer
    sends and that is not in the table is no error here: ``describe`` prints it as unknown, and
    the codecs keep plain integers.
    """

    rfc: str
    text: str

    def __new__(cls, value: int, rfc: str, text: str) -> Self:
        member = int.__new__(cls, value)
        member._value_ = value
        member.rfc = rfc
        member.text = text
        return member

    @classmethod
    def find(cls, number: int) -> Self | None:
        """The member with this number, or None when the table does not have it."""
        try:
            return cls(number)  # type: ignore[call-arg]
        except ValueError:
            return None

    @classmethod
    def describe(cls, number: int) -> str:
        """The name of a number for people: ``NO_PROPOSAL_CHOSEN (14)`` or ``unknown (40999)``."""
        member = cls.find(number)
        return f"{member.name} ({number})" if member is not None else f"unknown ({number})"
