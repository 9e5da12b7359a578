"""Messages that are wrong in one way each, for a gateway with or without the SA that they name."""

from __future__ import annotations

import random
from collections.abc import Iterable

from gatewright.iana import ikev1, ikev2
from gatewright.wire.isakmp import NO_SPI
from gatewright.wire.v1 import message as v1
from gatewright.wire.v1.payload import Payload as V1Payload
from gatewright.wire.v1.payloads.delete import DeletePayload as V1Delete
from gatewright.wire.v1.payloads.notify import NotifyPayload as V1Notify
from gatewright.wire.v2 import message as v2
from gatewright.wire.v2.payloads.delete import DeletePayload as V2Delete
from gatewright.wire.v2.payloads.notify import NotifyPayload as V2Notify

Cookies = tuple[bytes, bytes]
HEADER = 28


def truncated(messages: Iterable[bytes]) -> list[bytes]:
    """Each message cut in the header, behind it, and before its last octet."""
    return [each[:n] for each in messages for n in (0, 1, 17, 27, 28, 30, len(each) - 1)]


def lying_lengths(messages: Iterable[bytes]) -> list[bytes]:
    """The header says another length than the datagram has."""
    return [
        each[:24] + length.to_bytes(4, "big") + each[28:]
        for each in messages
        for length in (0, 27, 28, len(each) - 1, len(each) + 1, 0xFFFFFFFF)
    ]


def oversized(message: bytes) -> list[bytes]:
    """The message with more behind it, up to what a datagram can carry."""
    lengths = (len(message) + 1, len(message) + 1400, 30_000, 65_000)
    return [relengthed(message.ljust(length, b"\0")) for length in lengths]


def relengthed(message: bytes) -> bytes:
    """With the header's length that of the message."""
    return message[:24] + len(message).to_bytes(4, "big") + message[28:]


def with_version(message: bytes, major: int) -> bytes:
    return message[:17] + bytes((major << 4,)) + message[18:]


def with_cookies(message: bytes, cookies: Cookies) -> bytes:
    return b"".join(cookies) + message[16:]


def garbled(message: bytes, source: random.Random) -> bytes:
    """The same header, and nonsense where the encrypted payloads were: sealed with a wrong key."""
    return message[:32] + source.randbytes(len(message) - 32)


def random_octets(count: int, seed: int = 1) -> list[bytes]:
    source = random.Random(seed)
    return [source.randbytes(source.randrange(0, 300)) for _ in range(count)]


# --- first messages ---------------------------------------------------------------------------


def hostile_chains(first: bytes) -> list[bytes]:
    """First messages of an initiator that is unknown, made from a good one, with wrong payloads."""
    body = first[HEADER:]
    kind = first[16]
    vendor = 13 if first[17] >> 4 == 1 else 43
    length = int.from_bytes(body[2:4], "big")
    sa, rest = body[:length], body[length:]
    return [
        _first(first, kind, body[:2] + b"\0\0" + body[4:], 1),  # a payload of no octets
        _first(first, kind, body[:2] + b"\0\3" + body[4:], 2),
        _first(first, kind, body[:2] + b"\xff\xff" + body[4:], 3),  # one larger than the message
        _first(first, vendor, bytes((vendor, 0, 0, 4)) * 2000 + bytes((0, 0, 0, 4)), 4),
        _first(first, 0, body, 5),  # no payload, and octets behind it
        _first(first, 0, b"", 6),
        _first(first, kind, sa[:-3] + rest, 7),
        _first(first, kind, sa[:2] + (len(sa) * 40).to_bytes(2, "big") + sa[4:] * 40 + rest, 8),
        _first(first, 200, bytes((kind, 0x80, 0, 4)) + body, 9),  # unknown and critical
        _first(first, kind, _nested(sa, 0xFF) + rest, 10),
        _first(first, kind, _nested(sa, 0x00) + rest, 11),
        _first(first, kind, body + body, 12),
    ]


def _first(first: bytes, kind: int, body: bytes, number: int) -> bytes:
    cookie = b"hostile" + bytes((number,))
    return relengthed(cookie + NO_SPI + bytes((kind,)) + first[17:HEADER] + body)


def _nested(sa: bytes, count: int) -> bytes:
    """Proposals that claim another number of transforms than they have."""
    place = 4 + (8 if int.from_bytes(sa[4:8], "big") == 1 else 0) + 7
    return sa[:place] + bytes((count,)) + sa[place + 1 :]


# --- forged, without a key --------------------------------------------------------------------


def forged_v2(cookies: Cookies, *, from_initiator: bool) -> list[bytes]:
    """Notifies and deletes in clear under the SPIs of an SA, as requests and as responses."""
    payloads: list[v2.Payload] = [
        V2Notify(ikev2.NotifyType.AUTHENTICATION_FAILED),
        V2Notify(ikev2.NotifyType.NO_PROPOSAL_CHOSEN),
        V2Notify(ikev2.NotifyType.INVALID_IKE_SPI),
        V2Notify(ikev2.NotifyType.INVALID_SPI, bytes(4)),
        V2Notify(ikev2.NotifyType.INVALID_SYNTAX),
        V2Notify(ikev2.NotifyType.INITIAL_CONTACT),
        V2Delete(ikev2.ProtocolId.IKE),
        V2Delete(ikev2.ProtocolId.ESP, (bytes(4),)),
    ]
    return [
        v2.emit_message(
            v2.Head(*cookies, exchange, message_id, from_initiator, response), [payload]
        )
        for payload in payloads
        for exchange in (ikev2.ExchangeType.INFORMATIONAL, ikev2.ExchangeType.IKE_AUTH)
        for message_id, response in ((2, False), (2, True), (0, True))
    ]


def forged_v1(cookies: Cookies) -> list[bytes]:
    """Informational messages in clear under the cookies of an SA."""
    sa = b"".join(cookies)
    payloads: list[V1Payload] = [
        V1Notify(ikev1.NotifyType.AUTHENTICATION_FAILED, ikev1.ProtocolId.ISAKMP),
        V1Notify(ikev1.NotifyType.NO_PROPOSAL_CHOSEN, ikev1.ProtocolId.ISAKMP),
        V1Notify(ikev1.NotifyType.INVALID_COOKIE, ikev1.ProtocolId.ISAKMP),
        V1Notify(ikev1.NotifyType.INVALID_SPI, ikev1.ProtocolId.ESP, bytes(4)),
        V1Notify(ikev1.NotifyType.INITIAL_CONTACT, ikev1.ProtocolId.ISAKMP, sa),
        V1Delete(ikev1.ProtocolId.ISAKMP, (sa,)),
        V1Delete(ikev1.ProtocolId.ESP, (bytes(4),)),
    ]
    return [
        v1.emit_message(
            *cookies,
            ikev1.ExchangeType.INFORMATIONAL,
            message_id,
            payload.number,
            v1.emit_chain((payload,)),
        )
        for payload in payloads
        for message_id in (0, 7)
    ]
