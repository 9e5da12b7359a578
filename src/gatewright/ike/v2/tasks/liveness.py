"""INFORMATIONAL without payloads: is the peer still there (RFC 7296 sections 1.4 and 2.4)?

::

    HDR, SK {}  -->
                <--  HDR, SK {}
"""

from __future__ import annotations

from collections.abc import Sequence

from gatewright.iana.ikev2 import ExchangeType
from gatewright.ike.v2.errors import ExchangeError
from gatewright.ike.v2.rules import Shape
from gatewright.ike.v2.sa import IkeSa
from gatewright.ike.v2.tasks.task import Inbound, Task
from gatewright.wire.v2.message import Payload


class CheckLiveness(Task):
    """Any authentic answer is good; without one the session gives the SA up."""

    exchange = ExchangeType.INFORMATIONAL

    def build(self, sa: IkeSa, now: float) -> Sequence[Payload] | None:
        del sa, now
        return []

    def response_shape(self, payloads: Sequence[Payload]) -> Shape:
        del payloads
        return Shape.INFORMATIONAL

    def process(self, sa: IkeSa, inbound: Inbound, now: float) -> Task | None:
        del sa, inbound, now
        return None

    def failed(self, sa: IkeSa, error: ExchangeError, now: float) -> None:
        del sa, error, now
