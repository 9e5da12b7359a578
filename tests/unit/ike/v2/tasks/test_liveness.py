"""An empty request and an empty response."""

from __future__ import annotations

from gatewright.iana.ikev2 import ExchangeType
from gatewright.ike.v2.tasks import informational
from gatewright.ike.v2.tasks.liveness import CheckLiveness
from tests.unit.ike.v2.linked import NOW, carry, established, finish, inbound, told


def test_nothing_is_asked_and_nothing_answered() -> None:
    a, b = established()
    assert CheckLiveness().build(a, NOW) == []
    answer = informational.respond(b, inbound(b, ExchangeType.INFORMATIONAL, [], response=False), 0)
    assert answer == []
    assert carry(CheckLiveness(), a, informational.respond, b) is None
    assert finish(CheckLiveness(), a, []) is None
    assert told(a) == told(b) == []
