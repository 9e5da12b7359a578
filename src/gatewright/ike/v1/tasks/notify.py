"""Notifies that this side sends under the protection of a main mode SA (RFC 2408 section 3.14)."""

from __future__ import annotations

from gatewright.iana.ikev1 import NotifyType, ProtocolId
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.lifetimes import Lifetime
from gatewright.wire.v1.payloads.notify import NotifyPayload

_STATUS_OCTETS = 4


def about_main_mode(core: Core, type_: NotifyType) -> NotifyPayload:
    """A notify that speaks of the main mode SA: its SPI is both cookies."""
    return NotifyPayload(type_, ProtocolId.ISAKMP, core.cookies)


def about_quick_mode(
    core: Core, type_: NotifyType, message_id: int, peers_spi: bytes
) -> NotifyPayload:
    """An error of a quick mode that the peer began, with the SPI that it proposed.

    A Microsoft peer wants the message ID in front of the data (MS-IKEE section 2.2.6).
    """
    data = message_id.to_bytes(4, "big") if core.peer.is_microsoft else b""
    return NotifyPayload(type_, ProtocolId.ESP, peers_spi, data)


def responder_lifetime(
    lifetime: Lifetime, unit: int, duration: int, peers_spi: bytes
) -> NotifyPayload:
    """RFC 2407 section 4.6.3.1: the SA will live shorter than was proposed."""
    attributes = lifetime.attributes(unit, duration)
    data = b"".join(attribute.emit() for attribute in attributes)
    return NotifyPayload(NotifyType.RESPONDER_LIFETIME, ProtocolId.ESP, peers_spi, data)


def detail(notify: NotifyPayload) -> str:
    """What a peer adds to an error, for people: Microsoft's status code, or nothing."""
    if notify.type != NotifyType.NOTIFY_STATUS or len(notify.data) < _STATUS_OCTETS:
        return ""
    status = int.from_bytes(notify.data[-_STATUS_OCTETS:], "big")
    return f"Windows error {status}"
