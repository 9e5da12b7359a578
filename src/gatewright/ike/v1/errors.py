"""What can go wrong in an exchange: whose fault it is, and the notify that tells the peer.

Tasks raise one of these; the session turns it into the notify that goes out and into the
`NegotiationFailed` that the administrator reads.
"""

from __future__ import annotations

from gatewright.iana.ikev1 import NotifyType
from gatewright.ike.outputs import Difference, Fault


class ExchangeError(Exception):
    """An exchange fails.  ``notify`` is what stands, or stood, on the wire, if anything does."""

    fault: Fault = Fault.PEER_VIOLATION
    notify: NotifyType | None = None

    def __init__(self, explanation: str, differences: tuple[Difference, ...] = ()) -> None:
        super().__init__(explanation)
        self.explanation = explanation
        self.differences = differences

    @property
    def notify_name(self) -> str:
        return self.notify.name if self.notify is not None else ""


class MalformedMessage(ExchangeError):
    """The octets inside a message are no payloads."""

    fault = Fault.MALFORMED
    notify = NotifyType.PAYLOAD_MALFORMED


class InvalidPayloads(ExchangeError):
    """A payload is missing, or stands where it must not."""

    notify = NotifyType.INVALID_PAYLOAD_TYPE


class NoProposalChosen(ExchangeError):
    fault = Fault.NOTHING_IN_COMMON
    notify = NotifyType.NO_PROPOSAL_CHOSEN


class BadAnswer(ExchangeError):
    """The peer chose what was not offered; nothing is sent for that."""


class InvalidKey(ExchangeError):
    notify = NotifyType.INVALID_KEY_INFORMATION


class InvalidId(ExchangeError):
    """The traffic selectors of a quick mode are not those of any child."""

    fault = Fault.NOTHING_IN_COMMON
    notify = NotifyType.INVALID_ID_INFORMATION


class WrongIdentity(ExchangeError):
    """The peer has the key, and is not whom the policy names."""

    fault = Fault.AUTHENTICATION
    notify = NotifyType.INVALID_ID_INFORMATION


class AlgorithmsNotAllowed(WrongIdentity):
    """The peer turned out to be one for whom the policy wants other algorithms."""

    notify = NotifyType.NO_PROPOSAL_CHOSEN


class WrongHash(ExchangeError):
    fault = Fault.AUTHENTICATION
    notify = NotifyType.INVALID_HASH_INFORMATION


class WrongKey(ExchangeError):
    """A message did not decrypt to payloads: the two preshared keys differ."""

    fault = Fault.AUTHENTICATION
    notify = NotifyType.AUTHENTICATION_FAILED


class Unfit(ExchangeError):
    """Our own policy or limits forbid to go on."""

    fault = Fault.LOCAL


class LimitReached(Unfit):
    """The peer wants more quick modes than a main mode SA may have."""

    notify = NotifyType.NO_PROPOSAL_CHOSEN


class TooManyPairs(Unfit):
    """The peer wants more quick mode SAs than any policy needs, and deletes none."""

    notify = NotifyType.NO_PROPOSAL_CHOSEN


class NoAnswer(ExchangeError):
    fault = Fault.TIMEOUT


class PeerRefused(ExchangeError):
    """The peer answered with an error notify, whose number is ``received``."""

    fault = Fault.REFUSED

    def __init__(
        self, explanation: str, differences: tuple[Difference, ...] = (), *, received: int
    ) -> None:
        super().__init__(explanation, differences)
        self.received = received

    @property
    def notify_name(self) -> str:
        known = NotifyType.find(self.received)
        return known.name if known is not None else str(self.received)
