"""What fuzzing uncovered, as tests that do not depend on the fuzzer."""

from __future__ import annotations

import pytest

from gatewright.iana.ikev1 import ExchangeType, ProtocolId
from gatewright.ike.machine import Address
from gatewright.wire.isakmp import NO_SPI
from gatewright.wire.v1.attributes import Attribute
from gatewright.wire.v1.message import emit_chain, emit_message
from gatewright.wire.v1.payloads.sa import Proposal, SaPayload, Transform
from tests.support.gateways import IP_A, IP_B, pair
from tests.support.gateways_v1 import tunnel
from tests.support.sim import Packet


@pytest.mark.parametrize("kind", range(1, 17))
def test_an_attribute_too_long_to_be_told_as_a_number(kind: int) -> None:
    """Python does not print integers of more than 4300 digits."""
    gateways = pair(tunnel())
    transform = Transform(1, 1, (Attribute(kind, b"\xff" * 2000, basic=False),))
    offer = SaPayload((Proposal(1, ProtocolId.ISAKMP, b"", (transform,)),))
    first = emit_message(
        b"stranger", NO_SPI, ExchangeType.IDENTITY_PROTECTION, 0, offer.number, emit_chain((offer,))
    )
    gateways.network.inject(Packet(Address(IP_A, 500), Address(IP_B, 500), first))
    gateways.network.run(1)
    (failure,) = gateways.b.failures()
    assert failure.notify == "NO_PROPOSAL_CHOSEN"
    assert gateways.endpoint_b.counters()["sessions"] == 0
