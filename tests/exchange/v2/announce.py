"""An INFORMATIONAL request with whatever a test wants in it."""

from __future__ import annotations

from collections.abc import Sequence

from gatewright.iana.ikev2 import ExchangeType
from gatewright.ike.v2.errors import ExchangeError
from gatewright.ike.v2.rules import Shape
from gatewright.ike.v2.sa import IkeSa
from gatewright.ike.v2.tasks.task import Inbound, Task
from gatewright.wire.v2.message import Payload


class Announce(Task):
    exchange = ExchangeType.INFORMATIONAL

    def __init__(self, *payloads: Payload) -> None:
        self._payloads = payloads
        self.answered: tuple[Payload, ...] | None = None

    def build(self, sa: IkeSa, now: float) -> Sequence[Payload]:
        del sa, now
        return self._payloads

    def response_shape(self, payloads: Sequence[Payload]) -> Shape:
        del payloads
        return Shape.INFORMATIONAL

    def process(self, sa: IkeSa, inbound: Inbound, now: float) -> None:
        del sa, now
        self.answered = inbound.payloads

    def failed(self, sa: IkeSa, error: ExchangeError, now: float) -> None:
        del sa, now
        raise AssertionError(error)
