"""Which payloads may stand in which message, as a table (RFC 7296 sections 1.2 to 1.4).

A message that passes has every payload that its exchange cannot do without, and none twice that
may stand once; only then a task sees it.  Payloads that a rule does not name are ignored, as
RFC 7296 section 2.5 wants it, unless they are marked critical.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from gatewright.iana.ikev2 import ExchangeType, NotifyType, PayloadType
from gatewright.ike.v2.errors import InvalidSyntax, UnsupportedCritical
from gatewright.wire.v2.message import Payload, select
from gatewright.wire.v2.payloads.notify import NotifyPayload
from gatewright.wire.v2.payloads.unknown import UnknownPayload


class Shape(Enum):
    """The forms that the messages of the exchanges take."""

    INIT_REQUEST = "IKE_SA_INIT request"
    INIT_RESPONSE = "IKE_SA_INIT response"
    AUTH_REQUEST = "IKE_AUTH request"
    AUTH_RESPONSE = "IKE_AUTH response"
    AUTH_RESPONSE_WITHOUT_CHILD = "IKE_AUTH response without a child SA"
    CHILD_REQUEST = "CREATE_CHILD_SA request"
    CHILD_RESPONSE = "CREATE_CHILD_SA response"
    REKEY_CHILD_REQUEST = "CREATE_CHILD_SA request to rekey a child SA"
    REKEY_IKE_REQUEST = "CREATE_CHILD_SA request to rekey the IKE SA"
    REKEY_IKE_RESPONSE = "CREATE_CHILD_SA response to the rekey of the IKE SA"
    INFORMATIONAL = "INFORMATIONAL message"
    REFUSAL = "response with an error notify alone"


@dataclass(frozen=True, slots=True)
class Rule:
    payload: PayloadType
    minimum: int
    maximum: int


P = PayloadType
RULES: dict[Shape, tuple[Rule, ...]] = {
    Shape.INIT_REQUEST: (Rule(P.SA, 1, 1), Rule(P.KE, 1, 1), Rule(P.NONCE, 1, 1)),
    Shape.INIT_RESPONSE: (Rule(P.SA, 1, 1), Rule(P.KE, 1, 1), Rule(P.NONCE, 1, 1)),
    Shape.AUTH_REQUEST: (
        Rule(P.IDI, 1, 1),
        Rule(P.IDR, 0, 1),
        Rule(P.AUTH, 0, 1),
        Rule(P.SA, 0, 1),
        Rule(P.TSI, 0, 1),
        Rule(P.TSR, 0, 1),
    ),
    Shape.AUTH_RESPONSE: (
        Rule(P.IDR, 1, 1),
        Rule(P.AUTH, 0, 1),
        Rule(P.SA, 1, 1),
        Rule(P.TSI, 1, 1),
        Rule(P.TSR, 1, 1),
    ),
    Shape.AUTH_RESPONSE_WITHOUT_CHILD: (Rule(P.IDR, 1, 1), Rule(P.AUTH, 0, 1)),
    Shape.CHILD_REQUEST: (
        Rule(P.SA, 1, 1),
        Rule(P.NONCE, 1, 1),
        Rule(P.KE, 0, 1),
        Rule(P.TSI, 1, 1),
        Rule(P.TSR, 1, 1),
    ),
    Shape.CHILD_RESPONSE: (
        Rule(P.SA, 1, 1),
        Rule(P.NONCE, 1, 1),
        Rule(P.KE, 0, 1),
        Rule(P.TSI, 1, 1),
        Rule(P.TSR, 1, 1),
    ),
    Shape.REKEY_CHILD_REQUEST: (
        Rule(P.SA, 1, 1),
        Rule(P.NONCE, 1, 1),
        Rule(P.KE, 0, 1),
        Rule(P.TSI, 1, 1),
        Rule(P.TSR, 1, 1),
    ),
    Shape.REKEY_IKE_REQUEST: (Rule(P.SA, 1, 1), Rule(P.NONCE, 1, 1), Rule(P.KE, 1, 1)),
    Shape.REKEY_IKE_RESPONSE: (Rule(P.SA, 1, 1), Rule(P.NONCE, 1, 1), Rule(P.KE, 1, 1)),
    Shape.INFORMATIONAL: (),
    Shape.REFUSAL: (Rule(P.NOTIFY, 1, 16),),
}


def first_error(payloads: Sequence[Payload]) -> NotifyPayload | None:
    """The error notify of a message, if it has one."""
    return next((notify for notify in select(payloads, NotifyPayload) if notify.is_error), None)


def check(shape: Shape, payloads: Sequence[Payload]) -> None:
    """Raises `UnsupportedCritical` or `InvalidSyntax` for a message that breaks its rule."""
    for unknown in select(payloads, UnknownPayload):
        if unknown.critical:
            raise UnsupportedCritical(unknown.payload_type)
    counts = Counter(payload.payload_type for payload in payloads)
    for rule in RULES[shape]:
        count = counts[rule.payload]
        if count < rule.minimum:
            raise InvalidSyntax(f"an {shape.value} without {rule.payload.name} payload")
        if count > rule.maximum:
            raise InvalidSyntax(f"an {shape.value} with {count} {rule.payload.name} payloads")


def request_shape(exchange: int, payloads: Sequence[Payload]) -> Shape:
    """The form of a request on an IKE SA with keys; `InvalidSyntax` for an unknown exchange."""
    if exchange == ExchangeType.IKE_AUTH:
        return Shape.AUTH_REQUEST
    if exchange == ExchangeType.INFORMATIONAL:
        return Shape.INFORMATIONAL
    if exchange != ExchangeType.CREATE_CHILD_SA:
        raise InvalidSyntax(f"an exchange of type {ExchangeType.describe(exchange)}")
    if any(notify.type == NotifyType.REKEY_SA for notify in select(payloads, NotifyPayload)):
        return Shape.REKEY_CHILD_REQUEST
    kinds = {payload.payload_type for payload in payloads}
    if PayloadType.TSI in kinds or PayloadType.TSR in kinds:
        return Shape.CHILD_REQUEST
    return Shape.REKEY_IKE_REQUEST
