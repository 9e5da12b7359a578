"""Which payloads may stand in which message."""

from __future__ import annotations

import pytest

from gatewright.iana.ikev2 import ExchangeType, NotifyType, PayloadType
from gatewright.ike.v2.errors import InvalidSyntax, UnsupportedCritical
from gatewright.ike.v2.rules import RULES, Shape, check, first_error, request_shape
from gatewright.wire.v2.message import Payload
from gatewright.wire.v2.payloads.ke import KePayload
from gatewright.wire.v2.payloads.nonce import NoncePayload
from gatewright.wire.v2.payloads.notify import NotifyPayload
from gatewright.wire.v2.payloads.sa import SaPayload
from gatewright.wire.v2.payloads.ts import TsPayload
from gatewright.wire.v2.payloads.unknown import UnknownPayload

SA, KE, NONCE = SaPayload(()), KePayload(31, b"x"), NoncePayload(bytes(16))
TSI, TSR = TsPayload(PayloadType.TSI, ()), TsPayload(PayloadType.TSR, ())


def test_every_shape_has_its_rules() -> None:
    assert set(RULES) == set(Shape)
    for rules in RULES.values():
        assert len({rule.payload for rule in rules}) == len(rules)
        assert all(0 <= rule.minimum <= rule.maximum for rule in rules)


def test_what_an_exchange_needs_must_be_there_once() -> None:
    check(Shape.INIT_REQUEST, [SA, KE, NONCE])
    check(Shape.INIT_REQUEST, [NONCE, NotifyPayload(16388), KE, SA])  # in any order, with others
    for missing in (SA, KE, NONCE):
        with pytest.raises(InvalidSyntax, match="without"):
            check(Shape.INIT_REQUEST, [each for each in (SA, KE, NONCE) if each is not missing])
    with pytest.raises(InvalidSyntax, match="2 NONCE payloads"):
        check(Shape.INIT_REQUEST, [SA, KE, NONCE, NONCE])


def test_unknown_payloads_pass_unless_critical() -> None:
    check(Shape.INFORMATIONAL, [UnknownPayload(200, b"")])
    with pytest.raises(UnsupportedCritical) as caught:
        check(Shape.INFORMATIONAL, [UnknownPayload(200, b"", critical=True)])
    assert caught.value.payload_type == 200


REKEY = NotifyPayload(NotifyType.REKEY_SA)


@pytest.mark.parametrize(
    ("exchange", "payloads", "shape"),
    [
        (ExchangeType.IKE_AUTH, [], Shape.AUTH_REQUEST),
        (ExchangeType.INFORMATIONAL, [], Shape.INFORMATIONAL),
        (ExchangeType.CREATE_CHILD_SA, [SA, NONCE, TSI, TSR], Shape.CHILD_REQUEST),
        (ExchangeType.CREATE_CHILD_SA, [SA, NONCE, TSI], Shape.CHILD_REQUEST),
        (ExchangeType.CREATE_CHILD_SA, [REKEY, SA, NONCE], Shape.REKEY_CHILD_REQUEST),
        (ExchangeType.CREATE_CHILD_SA, [SA, NONCE, KE], Shape.REKEY_IKE_REQUEST),
    ],
)
def test_the_shape_of_a_request(exchange: int, payloads: list[Payload], shape: Shape) -> None:
    assert request_shape(exchange, payloads) is shape


def test_an_unknown_exchange_has_none() -> None:
    with pytest.raises(InvalidSyntax):
        request_shape(99, [])


def test_the_first_error_of_a_message() -> None:
    status, error = NotifyPayload(16388), NotifyPayload(14)
    assert first_error([status]) is None
    assert first_error([status, error, NotifyPayload(38)]) == error
