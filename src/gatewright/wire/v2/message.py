"""A whole message: the header and its chain of payloads (RFC 7296 sections 3.1 and 3.2).

::

   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
   | Next Payload  |C|  RESERVED   |         Payload Length        |
   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

Nothing here allocates more than the message is long: payloads are counted, and every list in a
payload is bounded by a count of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gatewright.iana.ikev2 import Flag, PayloadType
from gatewright.wire.codec import Malformed, Reader, u8, u16
from gatewright.wire.isakmp import HEADER_LENGTH, Header
from gatewright.wire.v2.payloads.auth import AuthPayload
from gatewright.wire.v2.payloads.cert import CertPayload, CertRequestPayload
from gatewright.wire.v2.payloads.config import ConfigPayload
from gatewright.wire.v2.payloads.delete import DeletePayload
from gatewright.wire.v2.payloads.eap import EapPayload
from gatewright.wire.v2.payloads.encrypted import EncryptedPayload
from gatewright.wire.v2.payloads.identification import IdPayload
from gatewright.wire.v2.payloads.ke import KePayload
from gatewright.wire.v2.payloads.nonce import NoncePayload
from gatewright.wire.v2.payloads.notify import NotifyPayload
from gatewright.wire.v2.payloads.sa import SaPayload
from gatewright.wire.v2.payloads.ts import TsPayload
from gatewright.wire.v2.payloads.unknown import UnknownPayload
from gatewright.wire.v2.payloads.vendor import VendorPayload

MAJOR_VERSION = 2
GENERIC_HEADER_LENGTH = 4
MAX_PAYLOADS = 64
_CRITICAL = 0x80

Payload = (
    SaPayload
    | KePayload
    | IdPayload
    | CertPayload
    | CertRequestPayload
    | AuthPayload
    | NoncePayload
    | NotifyPayload
    | DeletePayload
    | VendorPayload
    | TsPayload
    | EncryptedPayload
    | ConfigPayload
    | EapPayload
    | UnknownPayload
)

_PARSERS: dict[int, Callable[[bytes], Payload]] = {
    PayloadType.SA: SaPayload.parse,
    PayloadType.KE: KePayload.parse,
    PayloadType.IDI: IdPayload.parse_initiator,
    PayloadType.IDR: IdPayload.parse_responder,
    PayloadType.CERT: CertPayload.parse,
    PayloadType.CERTREQ: CertRequestPayload.parse,
    PayloadType.AUTH: AuthPayload.parse,
    PayloadType.NONCE: NoncePayload.parse,
    PayloadType.NOTIFY: NotifyPayload.parse,
    PayloadType.DELETE: DeletePayload.parse,
    PayloadType.VENDOR: VendorPayload.parse,
    PayloadType.TSI: TsPayload.parse_initiator,
    PayloadType.TSR: TsPayload.parse_responder,
    PayloadType.CP: ConfigPayload.parse,
    PayloadType.EAP: EapPayload.parse,
}

_P = TypeVar(
    "_P",
    SaPayload,
    KePayload,
    IdPayload,
    AuthPayload,
    NoncePayload,
    NotifyPayload,
    DeletePayload,
    TsPayload,
    EncryptedPayload,
    UnknownPayload,
)


def select(payloads: Sequence[Payload], kind: type[_P]) -> tuple[_P, ...]:
    """Those of one class, in order."""
    return tuple(payload for payload in payloads if isinstance(payload, kind))


@dataclass(frozen=True, slots=True)
class Head:
    """What the sender of a message decides about its header; lengths and types follow."""

    spi_i: bytes
    spi_r: bytes
    exchange: int
    message_id: int
    from_initiator: bool
    response: bool

    def header(self, next_payload: int, length: int) -> Header:
        flags = (Flag.INITIATOR if self.from_initiator else 0) | (
            Flag.RESPONSE if self.response else 0
        )
        return Header(
            self.spi_i,
            self.spi_r,
            next_payload,
            MAJOR_VERSION,
            0,
            self.exchange,
            flags,
            self.message_id,
            length,
        )


@dataclass(frozen=True, slots=True)
class Message:
    header: Header
    payloads: tuple[Payload, ...]

    @property
    def is_response(self) -> bool:
        return bool(self.header.flags & Flag.RESPONSE)

    @property
    def from_initiator(self) -> bool:
        """Whether the original initiator of the IKE SA sent it."""
        return bool(self.header.flags & Flag.INITIATOR)

    @classmethod
    def parse(cls, data: bytes) -> Message:
        """A message of major version 2; raises `Malformed`.

        An SK payload stays closed: see `EncryptedPayload` and `parse_chain`.
        """
        header = Header.parse(data)
        if header.major != MAJOR_VERSION:
            raise Malformed("major_version", f"{header.major}")
        return cls(header, parse_chain(header.next_payload, data[HEADER_LENGTH:], outer=True))


def parse_chain(first: int, data: bytes, *, outer: bool = False) -> tuple[Payload, ...]:
    """A chain of payloads from ``data``, whose first is of type ``first``; raises `Malformed`.

    ``outer``: the chain of a message, where an SK payload may end it; none may stand inside one.
    """
    reader = Reader(data)
    payloads: list[Payload] = []
    kind = first
    while kind != PayloadType.NONE:
        if len(payloads) == MAX_PAYLOADS:
            raise Malformed("too_many_payloads")
        following = reader.u8("next payload")
        critical = bool(reader.u8("critical bit") & _CRITICAL)
        length = reader.u16("payload length")
        body = reader.take(length - GENERIC_HEADER_LENGTH, PayloadType.describe(kind))
        if kind == PayloadType.SK:
            if not outer:
                raise Malformed("nested_encryption")
            payloads.append(EncryptedPayload(following, body))
            break
        parser = _PARSERS.get(kind)
        payloads.append(parser(body) if parser else UnknownPayload(kind, body, critical))
        kind = following
    reader.expect_end("the last payload")
    return tuple(payloads)


def emit_chain(payloads: Sequence[Payload]) -> tuple[int, bytes]:
    """The type of the first payload, and the octets of all."""
    kinds = [payload.payload_type for payload in payloads]
    parts: list[bytes] = []
    for index, payload in enumerate(payloads):
        following = kinds[index + 1] if index + 1 < len(kinds) else int(PayloadType.NONE)
        critical = isinstance(payload, UnknownPayload) and payload.critical
        if isinstance(payload, EncryptedPayload):
            following = payload.first
        body = payload.body()
        parts.append(u8(following) + u8(_CRITICAL if critical else 0))
        parts.append(u16(GENERIC_HEADER_LENGTH + len(body)) + body)
    return (kinds[0] if kinds else int(PayloadType.NONE)), b"".join(parts)


def emit_message(head: Head, payloads: Sequence[Payload]) -> bytes:
    """A message without encryption."""
    first, chain = emit_chain(payloads)
    return head.header(first, HEADER_LENGTH + len(chain)).emit() + chain


def encrypted_prefix(head: Head, first: int, body_length: int) -> bytes:
    """All octets of a message before the body of its SK payload.

    They are the associated data of an AEAD (RFC 5282 section 5.1), and covered by the integrity
    checksum otherwise (RFC 7296 section 3.14).
    """
    length = GENERIC_HEADER_LENGTH + body_length
    header = head.header(PayloadType.SK, HEADER_LENGTH + length)
    return header.emit() + u8(first) + u8(0) + u16(length)
