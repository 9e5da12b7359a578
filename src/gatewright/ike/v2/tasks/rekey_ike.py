"""CREATE_CHILD_SA that rekeys the IKE SA, and its collisions (RFC 7296 sections 1.3.2, 2.8.2).

::

    HDR, SK {SA, Ni, KEi}  -->
                           <--  HDR, SK {SA, Nr, KEr}
    HDR, SK {D}            -->                          on the old IKE SA
                           <--  HDR, SK {}

The new IKE SA inherits the child SAs.  When both sides rekey at once, two new IKE SAs come to be;
that of the exchange with the lowest nonce is redundant, and deleted by whoever began it.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatewright.crypto.groups import KeyExchange, generate
from gatewright.crypto.keymat_v2 import rekey_ike_keys
from gatewright.iana.algorithms import Group
from gatewright.iana.ikev2 import ExchangeType, NotifyType
from gatewright.ike.outputs import AdoptSession
from gatewright.ike.v2.errors import ExchangeError, PeerRefused, TemporaryFailure
from gatewright.ike.v2.lifetimes import next_attempt
from gatewright.ike.v2.proposals import Chosen, accepted_ike, choose_ike, ike_offer
from gatewright.ike.v2.refusals import ike_refused
from gatewright.ike.v2.rules import Shape, first_error
from gatewright.ike.v2.sa import NONCE_LENGTH, IkeSa, PeerIkeRekey, Timer
from gatewright.ike.v2.states import Event, State
from gatewright.ike.v2.tasks import key_exchange
from gatewright.ike.v2.tasks.child_create import CreateChild, retry_after_temporary_failure
from gatewright.ike.v2.tasks.delete import DeleteChild, DeleteIke
from gatewright.ike.v2.tasks.init import fresh_spi
from gatewright.ike.v2.tasks.rekey_child import RekeyChild
from gatewright.ike.v2.tasks.task import Inbound, Task
from gatewright.ipsec.secret import Secret
from gatewright.policy.compiled import IkeProposal
from gatewright.wire.isakmp import NO_SPI, SPI_LENGTH
from gatewright.wire.v2.message import Payload, select
from gatewright.wire.v2.payloads.ke import KePayload
from gatewright.wire.v2.payloads.nonce import NoncePayload
from gatewright.wire.v2.payloads.sa import SaPayload

_REDUNDANT = "redundant after simultaneous rekeys"


class RekeyIke(Task):
    """The initiator."""

    exchange = ExchangeType.CREATE_CHILD_SA

    def __init__(self, groups_tried: Sequence[Group] = ()) -> None:
        self._groups_tried = groups_tried
        self._nonce = b""
        self._spi = NO_SPI
        self._exchange: KeyExchange | None = None

    def build(self, sa: IkeSa, now: float) -> Sequence[Payload] | None:
        if sa.state is State.ESTABLISHED:
            sa.advance(Event.REKEY_REQUESTED)
        elif sa.state is not State.REKEYING:
            return None
        elif sa.contender is not None:
            sa.yield_to_contender(now)
            return None
        self._nonce = sa.context.random(NONCE_LENGTH)
        self._spi = fresh_spi(sa)
        group = self._groups_tried[-1] if self._groups_tried else sa.keys().proposal.group
        self._groups_tried = self._groups_tried or [group]
        self._exchange = generate(group, sa.context.random)
        return [
            ike_offer(sa.connection.proposals, self._spi),
            NoncePayload(self._nonce),
            key_exchange.to_payload(self._exchange),
        ]

    def response_shape(self, payloads: Sequence[Payload]) -> Shape:
        return Shape.REKEY_IKE_RESPONSE if first_error(payloads) is None else Shape.REFUSAL

    def process(self, sa: IkeSa, inbound: Inbound, now: float) -> Task | None:
        error = first_error(inbound.payloads)
        if error is not None and error.type == NotifyType.INVALID_KE_PAYLOAD:
            offered = [method.group for method in sa.connection.proposals]
            wanted = key_exchange.group_wanted(error, offered, self._groups_tried)
            return RekeyIke([*self._groups_tried, wanted])
        if error is not None:
            raise ike_refused(error, sa.connection)
        assert self._exchange is not None
        answer = select(inbound.payloads, SaPayload)[0]
        chosen = accepted_ike(sa.connection.proposals, answer, spi_size=SPI_LENGTH)
        shared = key_exchange.agree(self._exchange, select(inbound.payloads, KePayload)[0])
        nonce_r = select(inbound.payloads, NoncePayload)[0].nonce
        new = _successor(sa, is_initiator=True, spi_i=self._spi, spi_r=chosen.peer_spi)
        _derive(sa, new, chosen, shared, self._nonce, nonce_r)
        new.establish(now)
        self._settle(sa, new, min(self._nonce, nonce_r), now)
        return None

    def _settle(self, sa: IkeSa, new: IkeSa, lowest_nonce: bytes, now: float) -> None:
        """Who inherits, and what is deleted by us."""
        theirs, contender = sa.peer_rekey, sa.contender
        ours_is_lower = theirs is not None and lowest_nonce < theirs.lowest_nonce
        if contender is not None and ours_is_lower:
            sa.yield_to_contender(now)
            new.agenda.add(DeleteIke(_REDUNDANT))
            sa.emit(AdoptSession(sa.spawn(new, now)))
            return
        if contender is not None:
            contender.supersede(new, now)
            sa.announce_contender(now)
        sa.supersede(new, now)
        sa.emit(AdoptSession(sa.spawn(new, now)))
        sa.agenda.add(DeleteIke("rekeyed"))

    def failed(self, sa: IkeSa, error: ExchangeError, now: float) -> None:
        if sa.state is not State.REKEYING:
            return
        if sa.contender is not None:
            # The peer rekeys it, and did not see that we were about to.
            sa.yield_to_contender(now)
            return
        sa.advance(Event.REKEY_FAILED)
        expire_at = sa.timers.get(Timer.EXPIRE, now)
        if isinstance(error, PeerRefused) and error.received.type == NotifyType.TEMPORARY_FAILURE:
            sa.timers[Timer.REKEY] = now + retry_after_temporary_failure(sa)
        else:
            sa.report("IKE SA rekey", error, waiting=False)
            sa.timers[Timer.REKEY] = next_attempt(now, expire_at, sa.context.timing)


# --- the responder ----------------------------------------------------------------------------


def respond(sa: IkeSa, inbound: Inbound, now: float) -> list[Payload]:
    """Raises `TemporaryFailure` (section 2.25), `NoProposalChosen` or `InvalidKePayload`."""
    if not sa.standing or sa.peer_rekey is not None:
        raise TemporaryFailure("the IKE SA is being closed")
    if isinstance(sa.current, CreateChild | RekeyChild | DeleteChild):
        raise TemporaryFailure("a child SA is being rekeyed or closed")
    offered = select(inbound.payloads, SaPayload)[0]
    chosen = choose_ike(sa.connection.proposals, offered, spi_size=SPI_LENGTH)
    group = chosen.method.group
    peer_value = key_exchange.require_group(group, select(inbound.payloads, KePayload))
    exchange = generate(group, sa.context.random)
    shared = key_exchange.agree(exchange, peer_value)
    nonce_i = select(inbound.payloads, NoncePayload)[0].nonce
    nonce_r = sa.context.random(NONCE_LENGTH)
    spi = fresh_spi(sa)
    new = _successor(sa, is_initiator=False, spi_i=chosen.peer_spi, spi_r=spi)
    _derive(sa, new, chosen, shared, nonce_i, nonce_r)
    if sa.state is State.REKEYING:
        new.establish(now, Event.CONTESTED)
        session = sa.spawn(new, now)
        sa.peer_rekey = PeerIkeRekey(new, session, min(nonce_i, nonce_r))
    else:
        new.establish(now)
        sa.supersede(new, now)
        session = sa.spawn(new, now)
    sa.emit(AdoptSession(session))
    return [
        chosen.answer_with(spi),
        NoncePayload(nonce_r),
        key_exchange.to_payload(exchange),
    ]


# --- both -------------------------------------------------------------------------------------


def _successor(sa: IkeSa, *, is_initiator: bool, spi_i: bytes, spi_r: bytes) -> IkeSa:
    return IkeSa(
        context=sa.context,
        connection=sa.connection,
        path=sa.path,
        is_initiator=is_initiator,
        spi_i=spi_i,
        spi_r=spi_r,
        spawn=sa.spawn,
        peer_identity=sa.peer_identity,
    )


def _derive(
    sa: IkeSa,
    new: IkeSa,
    chosen: Chosen[IkeProposal],
    shared: Secret,
    nonce_i: bytes,
    nonce_r: bytes,
) -> None:
    old = sa.keys()
    new.take_keys(
        chosen.method,
        rekey_ike_keys(
            old.proposal.prf,
            old.sk_d,
            chosen.method,
            shared,
            nonce_i,
            nonce_r,
            new.spi_i,
            new.spi_r,
        ),
    )
