"""A payload of a type that has no file here."""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.wire.codec import Reader


@dataclass(frozen=True, slots=True)
class UnknownPayload:
    """Kept as octets; whether it may be there is for the payload rules to say."""

    number: int
    data: bytes

    @classmethod
    def parse(cls, number: int, reader: Reader) -> UnknownPayload:
        return cls(number, reader.rest())

    def emit(self) -> bytes:
        return self.data
