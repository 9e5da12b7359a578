"""Which payloads may stand in which message, as a table (RFC 2409 sections 5.4, 5.5 and 5.7).

A message that passes has every payload that its exchange cannot do without, and none twice that
may stand once; only then a task sees it.  Vendor IDs, notifies and private payloads may stand
anywhere (RFC 2408 section 3.16) and are ignored where nobody asks for them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from gatewright.iana.ikev1 import PayloadType
from gatewright.ike.v1.errors import InvalidPayloads
from gatewright.wire.v1.message import Chain


class Shape(Enum):
    """The messages of the exchanges."""

    MAIN_1 = "main mode message 1"
    MAIN_2 = "main mode message 2"
    MAIN_3 = "main mode message 3"
    MAIN_4 = "main mode message 4"
    MAIN_5 = "main mode message 5"
    MAIN_6 = "main mode message 6"
    QUICK_1 = "quick mode message 1"
    QUICK_2 = "quick mode message 2"
    QUICK_3 = "quick mode message 3"
    INFORMATIONAL = "informational message"
    INFORMATIONAL_IN_CLEAR = "informational message in clear"


@dataclass(frozen=True, slots=True)
class Rule:
    payload: PayloadType
    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Layout:
    """``encrypted``: the whole message must be, or must not be.  ``hash_first``: it begins with
    its authentication (RFC 2409 section 5.5)."""

    encrypted: bool
    hash_first: bool
    rules: tuple[Rule, ...]


P = PayloadType
_SA = Rule(P.SECURITY_ASSOCIATION, 1, 1)
_KEY = (Rule(P.KEY_EXCHANGE, 1, 1), Rule(P.NONCE, 1, 1))
_NAT_D = (Rule(P.NAT_D, 0, 8), Rule(P.NAT_D_DRAFT, 0, 8))
_IDENTITY = (Rule(P.IDENTIFICATION, 1, 1), Rule(P.HASH, 1, 1))
_OFFER = (
    Rule(P.HASH, 1, 1),
    _SA,
    Rule(P.NONCE, 1, 1),
    Rule(P.KEY_EXCHANGE, 0, 1),
    Rule(P.IDENTIFICATION, 0, 2),
    Rule(P.NAT_OA, 0, 2),
    Rule(P.NAT_OA_DRAFT, 0, 2),
)

LAYOUTS: dict[Shape, Layout] = {
    Shape.MAIN_1: Layout(encrypted=False, hash_first=False, rules=(_SA,)),
    Shape.MAIN_2: Layout(encrypted=False, hash_first=False, rules=(_SA,)),
    Shape.MAIN_3: Layout(encrypted=False, hash_first=False, rules=(*_KEY, *_NAT_D)),
    Shape.MAIN_4: Layout(encrypted=False, hash_first=False, rules=(*_KEY, *_NAT_D)),
    Shape.MAIN_5: Layout(encrypted=True, hash_first=False, rules=_IDENTITY),
    Shape.MAIN_6: Layout(encrypted=True, hash_first=False, rules=_IDENTITY),
    Shape.QUICK_1: Layout(encrypted=True, hash_first=True, rules=_OFFER),
    Shape.QUICK_2: Layout(encrypted=True, hash_first=True, rules=_OFFER),
    Shape.QUICK_3: Layout(encrypted=True, hash_first=True, rules=(Rule(P.HASH, 1, 1),)),
    Shape.INFORMATIONAL: Layout(
        encrypted=True,
        hash_first=True,
        rules=(Rule(P.HASH, 1, 1), Rule(P.NONCE, 0, 1)),
    ),
    Shape.INFORMATIONAL_IN_CLEAR: Layout(encrypted=False, hash_first=False, rules=()),
}


def check(shape: Shape, chain: Chain) -> None:
    """Raises `InvalidPayloads` for a message that breaks its rule."""
    layout = LAYOUTS[shape]
    counts = Counter(payload.number for payload in chain.payloads)
    for rule in layout.rules:
        count = counts[rule.payload]
        if count < rule.minimum:
            raise InvalidPayloads(f"a {shape.value} without {rule.payload.name} payload")
        if count > rule.maximum:
            raise InvalidPayloads(f"a {shape.value} with {count} {rule.payload.name} payloads")
    if layout.hash_first and chain.payloads[0].number != P.HASH:
        raise InvalidPayloads(f"a {shape.value} that does not begin with a HASH payload")
    if counts[P.IDENTIFICATION] == 1 and shape in (Shape.QUICK_1, Shape.QUICK_2):
        raise InvalidPayloads(f"a {shape.value} with one IDENTIFICATION payload instead of two")
