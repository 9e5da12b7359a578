"""Vendor ID payload: opaque octets that name an implementation (RFC 7296 section 3.12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from gatewright.iana.ikev2 import PayloadType


@dataclass(frozen=True, slots=True)
class VendorPayload:
    payload_type: ClassVar[int] = PayloadType.VENDOR

    vendor: bytes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        return cls(body)

    def body(self) -> bytes:
        return self.vendor
