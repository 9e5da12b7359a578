"""What can go wrong in an exchange: whose fault it is, and the notify that tells the peer.

Tasks raise one of these; the session turns it into the error notify of its response (`notify_for`)
and into the `NegotiationFailed` that the administrator reads.
"""

from __future__ import annotations

from gatewright.iana.ikev2 import NotifyType, ProtocolId
from gatewright.ike.outputs import Difference, Fault
from gatewright.wire.codec import u8, u16
from gatewright.wire.v2.payloads.notify import NotifyPayload


class ExchangeError(Exception):
    """An exchange fails.  ``notify`` is what stands, or stood, on the wire, if anything does."""

    fault: Fault = Fault.PEER_VIOLATION
    notify: NotifyType | None = None
    fatal = False  # the IKE SA cannot go on (RFC 7296 section 2.21)

    def __init__(self, explanation: str, differences: tuple[Difference, ...] = ()) -> None:
        super().__init__(explanation)
        self.explanation = explanation
        self.differences = differences

    @property
    def notify_data(self) -> bytes:
        return b""

    @property
    def notify_name(self) -> str:
        return self.notify.name if self.notify is not None else ""


class InvalidSyntax(ExchangeError):
    """The message passed its integrity check and breaks the protocol (RFC 7296 section 2.21.3)."""

    notify = NotifyType.INVALID_SYNTAX
    fatal = True


class MalformedMessage(InvalidSyntax):
    """The octets inside a message are no payloads."""

    fault = Fault.MALFORMED


class UnsupportedCritical(ExchangeError):
    """RFC 7296 section 2.5: the number of the payload goes back."""

    notify = NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD

    def __init__(self, payload_type: int) -> None:
        super().__init__(
            f"the peer sent a payload of type {payload_type}, marked critical, which is not "
            "supported here"
        )
        self.payload_type = payload_type

    @property
    def notify_data(self) -> bytes:
        return u8(self.payload_type)


class NoProposalChosen(ExchangeError):
    fault = Fault.NOTHING_IN_COMMON
    notify = NotifyType.NO_PROPOSAL_CHOSEN


class InvalidKePayload(ExchangeError):
    """Another group is wanted (RFC 7296 section 1.2): not a failure, the peer tries again."""

    fault = Fault.NOTHING_IN_COMMON
    notify = NotifyType.INVALID_KE_PAYLOAD

    def __init__(self, group: int, explanation: str) -> None:
        super().__init__(explanation)
        self.group = group

    @property
    def notify_data(self) -> bytes:
        return u16(self.group)


class AuthenticationFailed(ExchangeError):
    fault = Fault.AUTHENTICATION
    notify = NotifyType.AUTHENTICATION_FAILED
    fatal = True


class TsUnacceptable(ExchangeError):
    fault = Fault.NOTHING_IN_COMMON
    notify = NotifyType.TS_UNACCEPTABLE


class NoAdditionalSas(ExchangeError):
    """The peer has as many child SAs as one IKE SA may have here (RFC 7296 section 1.3)."""

    fault = Fault.LOCAL
    notify = NotifyType.NO_ADDITIONAL_SAS


class TemporaryFailure(ExchangeError):
    """RFC 7296 section 2.25: an SA is being rekeyed or closed, the peer may ask again later."""

    fault = Fault.LOCAL
    notify = NotifyType.TEMPORARY_FAILURE


class ChildSaNotFound(ExchangeError):
    """The notify names the SPI that the peer asked for (RFC 7296 section 2.25)."""

    notify = NotifyType.CHILD_SA_NOT_FOUND

    def __init__(self, spi: bytes) -> None:
        super().__init__(f"the peer asked to rekey the child SA {spi.hex()}, which is not known")
        self.spi = spi


class PeerViolation(ExchangeError):
    """A response that breaks the protocol; there is no answer to a response."""


class Unfit(ExchangeError):
    """Our own policy or limits forbid to go on."""

    fault = Fault.LOCAL


class PeerRefused(ExchangeError):
    """The peer answered with an error notify."""

    fault = Fault.REFUSED

    def __init__(
        self,
        explanation: str,
        differences: tuple[Difference, ...] = (),
        *,
        received: NotifyPayload,
    ) -> None:
        super().__init__(explanation, differences)
        self.received = received

    @property
    def notify_name(self) -> str:
        known = NotifyType.find(self.received.type)
        return known.name if known is not None else self.received.name


def notify_for(error: ExchangeError) -> NotifyPayload | None:
    """The notify that tells the peer, or None when there is nothing to tell."""
    if error.notify is None:
        return None
    if isinstance(error, ChildSaNotFound):
        return NotifyPayload(error.notify, b"", ProtocolId.ESP, error.spi)
    return NotifyPayload(error.notify, error.notify_data)
