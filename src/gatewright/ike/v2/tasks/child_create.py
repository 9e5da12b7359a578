"""CREATE_CHILD_SA for a new child SA (RFC 7296 section 1.3.1).

::

    HDR, SK {SA, Ni, [KEi], TSi, TSr}  -->
                                       <--  HDR, SK {SA, Nr, [KEr], TSi, TSr}

The rekey of a child SA is the same exchange with N(REKEY_SA) in front, and shares this code.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatewright.crypto.groups import KeyExchange, generate
from gatewright.iana.algorithms import Group
from gatewright.iana.ikev2 import ExchangeType, NotifyType
from gatewright.ike.child_index import ChildIndex
from gatewright.ike.v2 import child_terms
from gatewright.ike.v2.child_terms import ChildOffer, KeyMaterial, Terms, Trigger
from gatewright.ike.v2.errors import (
    ExchangeError,
    NoAdditionalSas,
    PeerRefused,
    PeerViolation,
    TemporaryFailure,
)
from gatewright.ike.v2.rules import Shape, first_error
from gatewright.ike.v2.sa import NONCE_LENGTH, IkeSa
from gatewright.ike.v2.states import State
from gatewright.ike.v2.tasks import key_exchange
from gatewright.ike.v2.tasks.delete import DeleteIke, DeleteSpi
from gatewright.ike.v2.tasks.task import Inbound, Purpose, Subject, Task
from gatewright.ipsec.secret import Secret
from gatewright.policy.compiled import Child
from gatewright.wire.v2.message import Payload, select
from gatewright.wire.v2.payloads.ke import KePayload
from gatewright.wire.v2.payloads.nonce import NoncePayload
from gatewright.wire.v2.payloads.sa import SaPayload

MAX_CHILDREN = 64  # that a peer may make under one IKE SA, or
MAX_SAS_PER_CHILD = 8  # as many for each child of the policy (narrowed selectors make several)
MAX_ATTEMPTS = 5  # while the peer says TEMPORARY_FAILURE


class ChildExchange:
    """The initiator's half of a CREATE_CHILD_SA exchange for a child SA, new or rekeyed."""

    def __init__(
        self, sa: IkeSa, child: Child, trigger: Trigger | None, groups_tried: Sequence[Group]
    ) -> None:
        self.nonce = sa.context.random(NONCE_LENGTH)
        self.offer = ChildOffer(sa, child, trigger, with_group=True)
        groups = [method.group for method in child.proposals if method.group is not None]
        group = groups_tried[-1] if groups_tried else next(iter(groups), None)
        self._groups = groups
        self._tried = [*groups_tried] or [each for each in (group,) if each is not None]
        self._exchange: KeyExchange | None = None
        if group is not None:
            self._exchange = generate(group, sa.context.random)

    def payloads(self) -> list[Payload]:
        security, tsi, tsr = self.offer.payloads()
        ke = [key_exchange.to_payload(self._exchange)] if self._exchange is not None else []
        return [security, NoncePayload(self.nonce), *ke, tsi, tsr]

    def groups_to_try(self, payloads: Sequence[Payload]) -> list[Group] | None:
        """After INVALID_KE_PAYLOAD: the groups tried, with the wanted one last; None without."""
        error = first_error(payloads)
        if error is None or error.type != NotifyType.INVALID_KE_PAYLOAD:
            return None
        return [*self._tried, key_exchange.group_wanted(error, self._groups, self._tried)]

    def accepted(self, payloads: Sequence[Payload]) -> tuple[Terms, KeyMaterial]:
        """Raises `PeerRefused` or `PeerViolation`."""
        error = first_error(payloads)
        if error is not None:
            raise self.offer.refused(error)
        terms = self.offer.accepted(payloads)
        shared: Secret | None = None
        if terms.group is not None:
            public = select(payloads, KePayload)
            if self._exchange is None or not public:
                raise PeerViolation("the peer chose a key exchange and sent no public value")
            shared = key_exchange.agree(self._exchange, public[0])
        nonce_r = select(payloads, NoncePayload)[0].nonce
        return terms, KeyMaterial(self.nonce, nonce_r, shared, we_initiated=True)


def child_response_shape(payloads: Sequence[Payload]) -> Shape:
    return Shape.CHILD_RESPONSE if first_error(payloads) is None else Shape.REFUSAL


class CreateChild(Task):
    """The initiator.  ``trigger`` is the packet that wants the SA."""

    exchange = ExchangeType.CREATE_CHILD_SA

    def __init__(
        self,
        child: Child,
        trigger: Trigger | None,
        groups_tried: Sequence[Group] = (),
        attempt: int = 1,
    ) -> None:
        self.child = child
        self.trigger = trigger
        self._groups_tried = groups_tried
        self._attempt = attempt
        self._child_exchange: ChildExchange | None = None

    def build(self, sa: IkeSa, now: float) -> Sequence[Payload] | None:
        del now
        if sa.children.serving(self.child, self.trigger) is not None:
            return None  # the peer was faster
        self._child_exchange = ChildExchange(sa, self.child, self.trigger, self._groups_tried)
        return self._child_exchange.payloads()

    @property
    def subject(self) -> Subject:
        return Subject(Purpose.NEW_CHILD, self.child.policy_id)

    def response_shape(self, payloads: Sequence[Payload]) -> Shape:
        return child_response_shape(payloads)

    def process(self, sa: IkeSa, inbound: Inbound, now: float) -> Task | None:
        assert self._child_exchange is not None
        groups = self._child_exchange.groups_to_try(inbound.payloads)
        if groups is not None:
            return CreateChild(self.child, self.trigger, groups, self._attempt)
        terms, material = self._child_exchange.accepted(inbound.payloads)
        child_terms.establish(sa, terms, material, now)
        return None

    def failed(self, sa: IkeSa, error: ExchangeError, now: float) -> None:
        refusal = error.received.type if isinstance(error, PeerRefused) else None
        if refusal == NotifyType.TEMPORARY_FAILURE and self._attempt < MAX_ATTEMPTS:
            again = CreateChild(self.child, self.trigger, attempt=self._attempt + 1)
            sa.agenda.postpone(again, now + retry_after_temporary_failure(sa))
            return
        sa.report("child SA", error, self.child)
        if refusal is None:
            assert self._child_exchange is not None
            sa.agenda.add(DeleteSpi(self._child_exchange.offer.spi_in))
        elif refusal == NotifyType.NO_ADDITIONAL_SAS and not len(sa.children):
            # A minimal implementation makes children in IKE_AUTH alone (RFC 7296 section 4):
            # the next packet then makes a new IKE SA with its child.
            sa.agenda.add(DeleteIke("the peer makes no further child SAs under it"))


def retry_after_temporary_failure(sa: IkeSa) -> float:
    """Seconds: soon, since the peer is merely busy, and not in step with it."""
    chance = int.from_bytes(sa.context.random(4), "big") / 2**32
    return sa.context.timing.first_retransmit * (1 + chance)


# --- the responder ----------------------------------------------------------------------------


def respond(sa: IkeSa, inbound: Inbound, now: float) -> list[Payload]:
    """Raises what `answer_exchange` raises, `TemporaryFailure` while the IKE SA is going, and
    `NoAdditionalSas` for a peer that wants more than any policy needs."""
    if sa.state is not State.ESTABLISHED:
        raise TemporaryFailure("the IKE SA is being rekeyed or closed")
    refuse_too_many(sa, most_children(sa))
    terms, material, answers = answer_exchange(sa, sa.selectable, inbound.payloads)
    child_terms.establish_as_responder(sa, terms, material, now)
    return answers


def most_children(sa: IkeSa) -> int:
    """That a peer may make under an IKE SA."""
    return max(MAX_CHILDREN, MAX_SAS_PER_CHILD * len(sa.connection.children))


def refuse_too_many(sa: IkeSa, limit: int) -> None:
    """Raises `NoAdditionalSas` when there are as many as that."""
    if len(sa.children) >= limit:
        raise NoAdditionalSas(f"the peer wants more than {limit} child SAs under one IKE SA")


def answer_exchange(
    sa: IkeSa, children: ChildIndex, payloads: Sequence[Payload]
) -> tuple[Terms, KeyMaterial, list[Payload]]:
    """The responder's half, for a new child and for a rekey.

    Raises `NoProposalChosen`, `TsUnacceptable` or `InvalidKePayload`.
    """
    terms, (security, *selectors) = child_terms.answer(sa, children, payloads, with_group=True)
    assert isinstance(security, SaPayload)
    ke: list[Payload] = []
    shared: Secret | None = None
    if terms.group is not None:
        public = key_exchange.require_group(terms.group, select(payloads, KePayload))
        exchange = generate(terms.group, sa.context.random)
        shared = key_exchange.agree(exchange, public)
        ke = [key_exchange.to_payload(exchange)]
    nonce_i = select(payloads, NoncePayload)[0].nonce
    nonce_r = sa.context.random(NONCE_LENGTH)
    material = KeyMaterial(nonce_i, nonce_r, shared, we_initiated=False)
    return terms, material, [security, NoncePayload(nonce_r), *ke, *selectors]
