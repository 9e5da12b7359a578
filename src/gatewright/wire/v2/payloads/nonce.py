"""Nonce payload: nothing but the nonce, 16 to 256 octets (RFC 7296 section 3.9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from gatewright.iana.ikev2 import PayloadType
from gatewright.wire.codec import Malformed

MIN_NONCE, MAX_NONCE = 16, 256


@dataclass(frozen=True, slots=True)
class NoncePayload:
    payload_type: ClassVar[int] = PayloadType.NONCE

    nonce: bytes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        if not MIN_NONCE <= len(body) <= MAX_NONCE:
            raise Malformed("nonce_size", f"{len(body)} octets")
        return cls(body)

    def body(self) -> bytes:
        return self.nonce
