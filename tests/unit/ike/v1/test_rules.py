import pytest

from gatewright.ike.v1.errors import InvalidPayloads
from gatewright.ike.v1.rules import LAYOUTS, Shape, check
from gatewright.wire.v1.message import Chain, emit_chain, parse_chain
from gatewright.wire.v1.payload import Payload
from gatewright.wire.v1.payloads.hash import HashPayload
from gatewright.wire.v1.payloads.identification import IdentificationPayload
from gatewright.wire.v1.payloads.ke import KeyExchangePayload
from gatewright.wire.v1.payloads.natd import NatDiscoveryPayload
from gatewright.wire.v1.payloads.nonce import NoncePayload
from gatewright.wire.v1.payloads.sa import Proposal, SaPayload
from gatewright.wire.v1.payloads.unknown import UnknownPayload
from gatewright.wire.v1.payloads.vendor import VendorIdPayload

HASH, SA = HashPayload(bytes(20)), SaPayload((Proposal(1, 1, b"", ()),))
NONCE, KE = NoncePayload(bytes(16)), KeyExchangePayload(bytes(96))
ID, VID = IdentificationPayload(1, 0, 0, bytes(4)), VendorIdPayload(b"x")


def chain(*payloads: Payload) -> Chain:
    return parse_chain(payloads[0].number, emit_chain(payloads))


@pytest.mark.parametrize(
    ("shape", "payloads"),
    [
        (Shape.MAIN_1, (SA, VID, VID)),
        (Shape.MAIN_3, (KE, NONCE, NatDiscoveryPayload(bytes(20)), NatDiscoveryPayload(bytes(20)))),
        (Shape.MAIN_4, (VID, NONCE, KE)),
        (Shape.MAIN_5, (ID, HASH)),
        (Shape.QUICK_1, (HASH, SA, NONCE)),
        (Shape.QUICK_2, (HASH, SA, NONCE, KE, ID, ID)),
        (Shape.QUICK_3, (HASH,)),
        (Shape.QUICK_3, (HASH, UnknownPayload(200, b""))),
        (Shape.INFORMATIONAL, (HASH, NONCE)),
    ],
)
def test_what_may_stand(shape: Shape, payloads: tuple[Payload, ...]) -> None:
    check(shape, chain(*payloads))


@pytest.mark.parametrize(
    ("shape", "payloads", "complaint"),
    [
        (Shape.MAIN_1, (VID,), "without SECURITY_ASSOCIATION"),
        (Shape.MAIN_1, (SA, SA), "with 2 SECURITY_ASSOCIATION"),
        (Shape.MAIN_3, (KE,), "without NONCE"),
        (Shape.MAIN_5, (HASH,), "without IDENTIFICATION"),
        (Shape.MAIN_5, (ID, HASH, HASH), "with 2 HASH"),
        (Shape.QUICK_1, (SA, HASH, NONCE), "does not begin with a HASH"),
        (Shape.QUICK_1, (HASH, SA, NONCE, ID), "one IDENTIFICATION payload instead of two"),
        (Shape.QUICK_2, (HASH, SA, NONCE, ID, ID, ID), "with 3 IDENTIFICATION"),
        (Shape.INFORMATIONAL, (NONCE,), "without HASH"),
    ],
)
def test_what_may_not(shape: Shape, payloads: tuple[Payload, ...], complaint: str) -> None:
    with pytest.raises(InvalidPayloads, match=complaint):
        check(shape, chain(*payloads))


def test_every_message_has_a_layout() -> None:
    assert set(LAYOUTS) == set(Shape)
    in_clear = {shape for shape, layout in LAYOUTS.items() if not layout.encrypted}
    assert in_clear == {
        Shape.MAIN_1,
        Shape.MAIN_2,
        Shape.MAIN_3,
        Shape.MAIN_4,
        Shape.INFORMATIONAL_IN_CLEAR,
    }
