"""Message IDs, retransmission and duplicates (RFC 7296 sections 2.1 to 2.3).

The window size is one in both directions: one request of ours is outstanding at a time, and of
the peer's requests the newest response is kept, to be sent again when its request comes again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gatewright.ike.machine import Timing


@dataclass(slots=True)
class Outstanding:
    """A request that waits for its response."""

    message_id: int
    octets: bytes
    sent: int  # how many times
    deadline: float


class RequestWindow:
    """Our requests."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self.next_id = 0
        self.outstanding: Outstanding | None = None

    def opened(self, message_id: int, octets: bytes, now: float) -> None:
        """A request has been sent for the first time."""
        deadline = now + self._timing.first_retransmit
        self.outstanding = Outstanding(message_id, octets, 1, deadline)

    def answered(self) -> None:
        """Its response is here, and authentic."""
        assert self.outstanding is not None
        self.next_id = self.outstanding.message_id + 1
        self.outstanding = None

    def expects(self, message_id: int) -> bool:
        return self.outstanding is not None and self.outstanding.message_id == message_id

    def next_timeout(self) -> float | None:
        return self.outstanding.deadline if self.outstanding is not None else None

    def due(self, now: float) -> Outstanding | None:
        """The request whose time has come: to be sent again, or given up (see `exhausted`)."""
        outstanding = self.outstanding
        if outstanding is None or now < outstanding.deadline:
            return None
        return outstanding

    def exhausted(self, outstanding: Outstanding) -> bool:
        return outstanding.sent >= self._timing.tries

    def sent_again(self, outstanding: Outstanding, now: float) -> None:
        wait = self._timing.first_retransmit * self._timing.backoff**outstanding.sent
        outstanding.sent += 1
        outstanding.deadline = now + wait


class Arrival(Enum):
    """What a request's message ID says about it."""

    NEW = "new"
    AGAIN = "again"  # the one that was answered last
    OUTSIDE = "outside"  # older, or beyond the window


class ResponseWindow:
    """The peer's requests."""

    def __init__(self) -> None:
        self.expected = 0
        self._request = b""
        self._response: bytes | None = None

    def classify(self, message_id: int) -> Arrival:
        if message_id == self.expected:
            return Arrival.NEW
        if message_id == self.expected - 1:
            return Arrival.AGAIN
        return Arrival.OUTSIDE

    def answered(self, request: bytes, response: bytes) -> None:
        self._request = request
        self._response = response
        self.expected += 1

    def cached(self, request: bytes) -> bytes | None:
        """The response to exactly this request: a retransmission is bitwise identical."""
        return self._response if request == self._request else None
