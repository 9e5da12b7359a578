"""What a version's stateless front says of the first message of a would-be initiator.

``ike.v1.front`` and ``ike.v2.front`` judge before any state exists (RFC 7296 section 2.6), the
endpoint carries the verdict out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatewright.ike.outputs import NegotiationFailed
from gatewright.policy.compiled import Connection


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer with this message and remember nothing: a cookie, or an error notify.

    ``reason`` is the name of the counter; ``failure`` is set when the administrator should know.
    """

    payload: bytes
    reason: str
    failure: NegotiationFailed | None = None


@dataclass(frozen=True, slots=True)
class Accept:
    """Make a session; ``candidates`` are the connections that it can become, best first."""

    candidates: Sequence[Connection]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Drop it silently; ``reason`` is the name of the counter (snake_case)."""

    reason: str
    detail: str = ""


Verdict = Reply | Accept | Refuse
