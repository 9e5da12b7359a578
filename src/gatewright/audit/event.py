"""The audit record: what happened, to which tunnel, in words, with the number that fits.

The numbers are those of the security log of Windows Server 2003 (541 to 547), so that who knows
that log finds the way; what has no counterpart there has no number (0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Severity(Enum):
    INFORMATION = "information"
    WARNING = "warning"
    ERROR = "error"


class Kind(Enum):
    """What happened.  ``number`` is the event number, 0 where there is none."""

    IKE_SA_ESTABLISHED = "ike-sa-established", 541
    CHILD_SA_ESTABLISHED = "child-sa-established", 541
    CHILD_SA_CLOSED = "child-sa-closed", 542
    IKE_SA_CLOSED = "ike-sa-closed", 543
    AUTHENTICATION_FAILED = "authentication-failed", 545
    PROPOSAL_REFUSED = "proposal-refused", 546
    NEGOTIATION_FAILED = "negotiation-failed", 547
    PEER_SILENT = "peer-silent", 0
    PEER_MOVED = "peer-moved", 0
    MESSAGE_DROPPED = "message-dropped", 0
    SEND_FAILED = "send-failed", 0
    FAST_PATH_LOST = "fast-path-lost", 0
    DATA_PLANE_FAILED = "data-plane-failed", 0
    POLICY_ASSIGNED = "policy-assigned", 0
    POLICY_REFUSED = "policy-refused", 0
    POLICY_UNASSIGNED = "policy-unassigned", 0
    GATEWAY_STARTED = "gateway-started", 0
    GATEWAY_STOPPED = "gateway-stopped", 0
    HOST_NOTICE = "host-notice", 0
    INTERNAL_ERROR = "internal-error", 0

    def __init__(self, text: str, number: int) -> None:
        self.text = text
        self.number = number


@dataclass(frozen=True, slots=True)
class Event:
    """One event, not yet in the trail.  ``details`` are the fields behind the words.

    ``key``, where set, stands for the text when events are compared: whoever can send us datagrams
    must not be able to fill the trail by varying what the text quotes.
    """

    kind: Kind
    severity: Severity
    text: str
    tunnel: str = ""
    child: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    key: str = ""

    @property
    def sameness(self) -> tuple[object, ...]:
        """Two events in a row with the same one are one event that happened twice."""
        return (self.kind, self.severity, self.key or self.text, self.tunnel, self.child)


@dataclass(frozen=True, slots=True)
class Record:
    """An event in the trail.

    ``sequence`` rises by one from record to record, also over restarts.  ``first`` and ``last``
    are seconds since 1970; ``count`` how often it happened between them.
    """

    sequence: int
    first: float
    last: float
    count: int
    event: Event
