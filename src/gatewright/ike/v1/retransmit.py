"""Sending again: what waits for an answer, and what is kept for a peer that missed one.

RFC 2408 section 5.1: whoever sent a message last sends it again when no answer comes.  A message
that ends an exchange has no answer: it is sent again when the message before it comes again.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.ike.machine import Timing


@dataclass(slots=True)
class Repeater:
    """A message that waits for its answer.

    ``limit`` is the number of transmissions after which it is given up.
    """

    octets: bytes
    timing: Timing
    deadline: float
    limit: int
    sent: int = 1

    @classmethod
    def begin(cls, octets: bytes, timing: Timing, now: float) -> Repeater:
        """For a message that has been sent just now."""
        return cls(octets, timing, now + timing.first_retransmit, timing.tries)

    @property
    def exhausted(self) -> bool:
        return self.sent >= self.limit

    def sent_again(self, now: float) -> None:
        self.deadline = now + self.timing.first_retransmit * self.timing.backoff**self.sent
        self.sent += 1

    def lose_hope(self) -> None:
        """Something told that no answer will come: try once more, since anybody can tell that."""
        self.limit = min(self.limit, self.sent + 1)


@dataclass(frozen=True, slots=True)
class Answered:
    """A message that was taken, and what it was answered with (None: nothing)."""

    received: bytes
    answer: bytes | None
