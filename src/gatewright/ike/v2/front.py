"""Judges an IKE_SA_INIT request before any state exists (RFC 7296 sections 2.5 and 2.6).

What costs something (a key exchange, memory) begins only after this: the version fits, the message
is well-formed, there is a connection between these addresses, and under pressure the initiator has
shown with a cookie that it receives what is sent to its address.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from gatewright.iana.ikev2 import ExchangeType, Flag, NotifyType
from gatewright.ike.machine import Datagram
from gatewright.ike.outputs import Fault, NegotiationFailed
from gatewright.ike.v2.errors import ExchangeError, notify_for
from gatewright.ike.v2.rules import Shape, check
from gatewright.ike.verdicts import Accept, Refuse, Reply, Verdict
from gatewright.policy.compiled import Connection
from gatewright.wire.codec import Malformed
from gatewright.wire.isakmp import NO_SPI, Header
from gatewright.wire.v2.message import MAJOR_VERSION, Head, Message, emit_message, select
from gatewright.wire.v2.payloads.nonce import NoncePayload
from gatewright.wire.v2.payloads.notify import NotifyPayload


def judge_first_message(
    datagram: Datagram,
    connections: Sequence[Connection],
    cookie_secrets: Sequence[bytes],
    *,
    under_pressure: bool,
) -> Verdict:
    """The verdict on a message that belongs to no session.

    ``connections`` are those between these addresses, ``cookie_secrets`` newest first.
    """
    try:
        header = Header.parse(datagram.payload)
        refusal = _not_first(header)
        if refusal is not None:
            return refusal
        if header.major > MAJOR_VERSION:
            return _reply(header, NotifyPayload(NotifyType.INVALID_MAJOR_VERSION), "major_version")
        message = Message.parse(datagram.payload)
    except Malformed as error:
        return Refuse(error.reason, error.detail)
    return _judge_init(message, datagram, connections, cookie_secrets, under_pressure)


def _not_first(header: Header) -> Refuse | None:
    """What can begin nothing is dropped: an answer could be turned against somebody else."""
    if header.flags & Flag.RESPONSE or not header.flags & Flag.INITIATOR:
        return Refuse("not_a_first_message")
    if header.exchange != ExchangeType.IKE_SA_INIT or header.spi_r != NO_SPI:
        return Refuse("not_a_first_message", ExchangeType.describe(header.exchange))
    if header.message_id != 0:
        return Refuse("not_a_first_message", f"message ID {header.message_id}")
    return None


def _judge_init(
    message: Message,
    datagram: Datagram,
    connections: Sequence[Connection],
    cookie_secrets: Sequence[bytes],
    under_pressure: bool,
) -> Verdict:
    try:
        check(Shape.INIT_REQUEST, message.payloads)
    except ExchangeError as error:
        notify = notify_for(error)
        assert notify is not None
        return _reply(message.header, notify, "malformed_ike_sa_init")
    if not connections:
        return Reply(
            _response(message.header, NotifyPayload(NotifyType.NO_PROPOSAL_CHOSEN)),
            "no_connection_for_address",
            _unknown_peer(datagram),
        )
    if under_pressure and not _cookie_is_good(message, datagram, cookie_secrets):
        nonce = select(message.payloads, NoncePayload)[0].nonce
        cookie = _cookie(cookie_secrets[0], nonce, datagram, message.header.spi_i)
        return _reply(message.header, NotifyPayload(NotifyType.COOKIE, cookie), "cookie_demanded")
    return Accept(connections)


def _unknown_peer(datagram: Datagram) -> NegotiationFailed:
    return NegotiationFailed(
        tunnel="",
        mode="IKE SA",
        fault=Fault.LOCAL,
        explanation=(
            f"{datagram.remote.ip} wants an IKE SA with {datagram.local.ip}, and the assigned "
            "policy has no IKEv2 tunnel between these addresses: correct the tunnel endpoints "
            "here, or the peer's"
        ),
        notify=NotifyType.NO_PROPOSAL_CHOSEN.name,
        remote=str(datagram.remote),
        by_stranger=True,
    )


def _reply(header: Header, notify: NotifyPayload, reason: str) -> Reply:
    return Reply(_response(header, notify), reason)


def _response(header: Header, notify: NotifyPayload) -> bytes:
    head = Head(
        header.spi_i,
        NO_SPI,
        header.exchange,
        header.message_id,
        from_initiator=False,
        response=True,
    )
    return emit_message(head, [notify])


# --- cookies ----------------------------------------------------------------------------------


def _cookie(secret: bytes, nonce: bytes, datagram: Datagram, spi_i: bytes) -> bytes:
    """RFC 7296 section 2.6: bound to nonce, address and SPI of the initiator."""
    return hmac.digest(secret, nonce + datagram.remote.ip.packed + spi_i, "sha256")


def _cookie_is_good(message: Message, datagram: Datagram, cookie_secrets: Sequence[bytes]) -> bool:
    """Whether the first payload returns one of our cookies, of the current or previous secret."""
    first = message.payloads[0]
    if not isinstance(first, NotifyPayload) or first.type != NotifyType.COOKIE:
        return False
    nonce = select(message.payloads, NoncePayload)[0].nonce
    return any(
        hmac.compare_digest(_cookie(secret, nonce, datagram, message.header.spi_i), first.data)
        for secret in cookie_secrets
    )
