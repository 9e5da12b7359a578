"""A message of IKEv1: the header and a chain of payloads (RFC 2408 section 3).

An encrypted body is opened by whoever has the key; what is inside is parsed by the same
`parse_chain`, which then allows for the padding behind the last payload (RFC 2409 appendix B).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gatewright.iana.ikev1 import HeaderFlag, PayloadType
from gatewright.wire.codec import Malformed, Reader
from gatewright.wire.isakmp import HEADER_LENGTH, Header
from gatewright.wire.v1.payload import Payload, read_generic_header, with_generic_header
from gatewright.wire.v1.payloads.cert import CertificatePayload, CertificateRequestPayload
from gatewright.wire.v1.payloads.delete import DeletePayload
from gatewright.wire.v1.payloads.hash import HashPayload
from gatewright.wire.v1.payloads.identification import IdentificationPayload
from gatewright.wire.v1.payloads.ke import KeyExchangePayload
from gatewright.wire.v1.payloads.natd import NatDiscoveryPayload
from gatewright.wire.v1.payloads.natoa import NatOriginalAddressPayload
from gatewright.wire.v1.payloads.nonce import NoncePayload
from gatewright.wire.v1.payloads.notify import NotifyPayload
from gatewright.wire.v1.payloads.sa import SaPayload
from gatewright.wire.v1.payloads.unknown import UnknownPayload
from gatewright.wire.v1.payloads.vendor import VendorIdPayload

MAX_PAYLOADS = 64
MAJOR, MINOR = 1, 0

_PARSERS: Mapping[int, Callable[[int, Reader], Payload]] = {
    PayloadType.SECURITY_ASSOCIATION: SaPayload.parse,
    PayloadType.KEY_EXCHANGE: KeyExchangePayload.parse,
    PayloadType.IDENTIFICATION: IdentificationPayload.parse,
    PayloadType.CERTIFICATE: CertificatePayload.parse,
    PayloadType.CERTIFICATE_REQUEST: CertificateRequestPayload.parse,
    PayloadType.HASH: HashPayload.parse,
    PayloadType.NONCE: NoncePayload.parse,
    PayloadType.NOTIFICATION: NotifyPayload.parse,
    PayloadType.DELETE: DeletePayload.parse,
    PayloadType.VENDOR_ID: VendorIdPayload.parse,
    PayloadType.NAT_D: NatDiscoveryPayload.parse,
    PayloadType.NAT_D_DRAFT: NatDiscoveryPayload.parse,
    PayloadType.NAT_OA: NatOriginalAddressPayload.parse,
    PayloadType.NAT_OA_DRAFT: NatOriginalAddressPayload.parse,
}

PayloadClass = TypeVar("PayloadClass")


@dataclass(frozen=True, slots=True)
class Chain:
    """The payloads of one message, in order, with the octets that hashes are made over.

    ``octets`` runs from the first generic header to the end of the last payload, without padding;
    ``bodies`` are the payloads as received, without generic headers.
    """

    payloads: tuple[Payload, ...]
    bodies: tuple[bytes, ...]
    octets: bytes

    def all(self, kind: type[PayloadClass]) -> tuple[PayloadClass, ...]:
        return tuple(payload for payload in self.payloads if isinstance(payload, kind))

    def first(self, kind: type[PayloadClass]) -> PayloadClass | None:
        return next(iter(self.all(kind)), None)

    def body(self, payload: Payload) -> bytes:
        """The body of a payload of this chain as it stood on the wire."""
        position = next(i for i, other in enumerate(self.payloads) if other is payload)
        return self.bodies[position]

    @property
    def after_first(self) -> bytes:
        """What follows the first payload: all that a HASH payload in front covers."""
        return self.octets[4 + len(self.bodies[0]) :] if self.bodies else b""


def parse_chain(first: int, data: bytes, *, padded: bool = False) -> Chain:
    """The chain that begins with a payload of type ``first``; raises `Malformed`.

    ``padded``: octets may follow the last payload.
    """
    reader = Reader(data)
    payloads: list[Payload] = []
    bodies: list[bytes] = []
    number = first
    while number != PayloadType.NONE:
        if len(payloads) == MAX_PAYLOADS:
            raise Malformed("too_many_payloads", f"more than {MAX_PAYLOADS}")
        what = PayloadType.describe(number)
        number_of_next, body = read_generic_header(reader, what)
        start, end = body.position, body.position + body.remaining
        payloads.append(_PARSERS.get(number, UnknownPayload.parse)(number, body))
        bodies.append(data[start:end])
        number = number_of_next
    if not padded:
        reader.expect_end("the last payload")
    return Chain(tuple(payloads), tuple(bodies), data[: reader.position])


def emit_chain(payloads: Sequence[Payload]) -> bytes:
    """The octets of a chain; ``payloads[0].number`` goes into the header."""
    numbers = [payload.number for payload in payloads[1:]] + [PayloadType.NONE]
    return b"".join(
        with_generic_header(number, payload.emit())
        for number, payload in zip(numbers, payloads, strict=False)
    )


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands on the wire: ``body`` may be encrypted."""

    header: Header
    body: bytes

    @classmethod
    def parse(cls, data: bytes) -> Message:
        """Raises `Malformed`; the chain is not looked at."""
        header = Header.parse(data)
        if header.major != MAJOR:
            raise Malformed("not_ikev1", f"version {header.major}.{header.minor}")
        return cls(header, data[HEADER_LENGTH:])

    @property
    def encrypted(self) -> bool:
        return bool(self.header.flags & HeaderFlag.ENCRYPTION)

    def chain(self) -> Chain:
        """The payloads of a message in clear; raises `Malformed`."""
        return parse_chain(self.header.next_payload, self.body)


def emit_message(
    cookie_i: bytes,
    cookie_r: bytes,
    exchange: int,
    message_id: int,
    first: int,
    body: bytes,
    *,
    encrypted: bool = False,
) -> bytes:
    """A whole message; ``first`` is the type of the first payload of ``body``."""
    flags = HeaderFlag.ENCRYPTION if encrypted else 0
    length = HEADER_LENGTH + len(body)
    header = Header(cookie_i, cookie_r, first, MAJOR, MINOR, exchange, flags, message_id, length)
    return header.emit() + body
