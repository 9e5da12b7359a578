"""Dead peer detection (RFC 3706): a question with a sequence number, and its acknowledgement::

HDR*, HASH, N(R-U-THERE)      -->
                              <--  HDR*, HASH, N(R-U-THERE-ACK)
"""

from __future__ import annotations

from gatewright.iana.ikev1 import NotifyType, ProtocolId
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.tasks.informational import Informational
from gatewright.wire.v1.payloads.notify import NotifyPayload

_SEQUENCE_OCTETS = 4
_FIRST_LIMIT = 1 << 31  # RFC 3706 section 5.4: the highest bit of the first number is clear
_LEAST_QUESTIONS = 4


class DeadPeerDetection:
    """Asks after ``dpd_delay`` seconds of silence, and again until ``dpd_timeout`` is over."""

    def __init__(self, core: Core, informational: Informational) -> None:
        self._core = core
        self._informational = informational
        self._sequence = int.from_bytes(core.context.random(_SEQUENCE_OCTETS), "big") % _FIRST_LIMIT
        self._asked_at: float | None = None
        self._asked = 0
        self._again_at = 0.0
        self._peers_sequence: int | None = None

    @property
    def enabled(self) -> bool:
        """Whether the peer knows it (RFC 3706 section 5.1) and the policy wants it."""
        return self._core.peer.dpd and self._core.connection.dpd_delay > 0

    def next_timeout(self) -> float | None:
        if not self.enabled:
            return None
        if self._asked_at is None:
            return self._core.last_heard + self._core.connection.dpd_delay
        return min(self._again_at, self._dead_at())

    def ask(self, now: float) -> None:
        """Ask at once, if no question is open: something made the peer look dead."""
        if self.enabled and self._asked_at is None:
            self._sequence += 1
            self._asked_at = now
            self._asked = 0
            self._send(now)

    def handle_timeout(self, now: float) -> bool:
        """False when the peer is dead."""
        due = self.next_timeout()
        if due is None or now < due:
            return True
        if self._asked_at is None:
            self.ask(now)
        elif now >= self._dead_at():
            return False
        else:
            self._send(now)
        return True

    def heard(self) -> None:
        """Something authentic came from the peer: whatever it was, it lives."""
        self._asked_at = None

    def take_question(self, notify: NotifyPayload) -> bool:
        """Answer; False for a replayed question (RFC 3706 section 7)."""
        sequence = _sequence(notify)
        if self._peers_sequence is not None and sequence < self._peers_sequence:
            return False
        self._peers_sequence = sequence
        self._informational.send((self._notify(NotifyType.R_U_THERE_ACK, notify.data),))
        return True

    def take_answer(self, notify: NotifyPayload) -> bool:
        """False for an answer to no question."""
        return self._asked_at is not None and _sequence(notify) == self._sequence

    def _send(self, now: float) -> None:
        timing = self._core.context.timing
        wait = timing.first_retransmit * timing.backoff**self._asked
        self._asked += 1
        self._again_at = now + min(wait, self._core.connection.dpd_delay)
        data = self._sequence.to_bytes(_SEQUENCE_OCTETS, "big")
        self._informational.send((self._notify(NotifyType.R_U_THERE, data),))

    def _dead_at(self) -> float:
        assert self._asked_at is not None
        patience = self._core.context.timing.first_retransmit * _LEAST_QUESTIONS
        silent = self._core.last_heard + self._core.connection.dpd_timeout
        return max(silent, self._asked_at + patience)

    def _notify(self, type_: NotifyType, data: bytes) -> NotifyPayload:
        return NotifyPayload(type_, ProtocolId.ISAKMP, self._core.cookies, data)


def _sequence(notify: NotifyPayload) -> int:
    return int.from_bytes(notify.data[:_SEQUENCE_OCTETS], "big")
