"""IKE_SA_INIT: agree on algorithms, exchange keys, find NATs (RFC 7296 section 1.2).

::

    HDR, SAi1, KEi, Ni, [N(NAT_DETECTION_*)]  -->
                                              <--  HDR, SAr1, KEr, Nr, [N(NAT_DETECTION_*)]

or first, without state on the responder, N(COOKIE) (section 2.6) or N(INVALID_KE_PAYLOAD).
"""

from __future__ import annotations

from collections.abc import Sequence

from gatewright.crypto.groups import generate
from gatewright.crypto.keymat_v2 import derive_ike_keys
from gatewright.iana.ikev2 import ExchangeType, NotifyType
from gatewright.ike.v2.errors import ExchangeError, NoProposalChosen, PeerViolation
from gatewright.ike.v2.proposals import Chosen, accepted_ike, choose_ike, ike_offer
from gatewright.ike.v2.refusals import ike_refused
from gatewright.ike.v2.rules import Shape, first_error
from gatewright.ike.v2.sa import NONCE_LENGTH, Handshake, IkeSa, Timer
from gatewright.ike.v2.states import Event
from gatewright.ike.v2.tasks import key_exchange, natd
from gatewright.ike.v2.tasks.auth import Authenticate
from gatewright.ike.v2.tasks.task import Inbound, Task
from gatewright.policy.compiled import IkeProposal
from gatewright.wire.isakmp import NO_SPI
from gatewright.wire.v2.message import Payload, select
from gatewright.wire.v2.payloads.ke import KePayload
from gatewright.wire.v2.payloads.nonce import NoncePayload
from gatewright.wire.v2.payloads.notify import NotifyPayload
from gatewright.wire.v2.payloads.sa import SaPayload

MAX_COOKIES = 3
MAX_COOKIE_LENGTH = 64


class Initiate(Task):
    """The initiator.  SPI and nonce stay the same over cookies and changes of group."""

    exchange = ExchangeType.IKE_SA_INIT

    def __init__(self, sa: IkeSa) -> None:
        self._nonce = sa.context.random(NONCE_LENGTH)
        self._exchange = generate(sa.connection.proposals[0].group, sa.context.random)
        self._groups_tried = [self._exchange.group]
        self._cookie: bytes | None = None
        self._cookies_seen = 0

    def build(self, sa: IkeSa, now: float) -> Sequence[Payload]:
        del now
        payloads: list[Payload] = []
        if self._cookie is not None:
            payloads.append(NotifyPayload(NotifyType.COOKIE, self._cookie))
        return [
            *payloads,
            ike_offer(sa.connection.proposals),
            key_exchange.to_payload(self._exchange),
            NoncePayload(self._nonce),
            *natd.notifies(sa),
        ]

    def response_shape(self, payloads: Sequence[Payload]) -> Shape:
        if first_error(payloads) is not None or _cookie(payloads) is not None:
            return Shape.REFUSAL
        return Shape.INIT_RESPONSE

    def process(self, sa: IkeSa, inbound: Inbound, now: float) -> Task | None:
        del now
        cookie, error = _cookie(inbound.payloads), first_error(inbound.payloads)
        if cookie is not None:
            return self._return_cookie(cookie.data)
        if error is not None:
            return self._refused(sa, error)
        if inbound.header.spi_r == NO_SPI:
            raise PeerViolation("the peer chose no SPI")
        return self._accepted(sa, inbound)

    def _return_cookie(self, cookie: bytes) -> Task:
        self._cookies_seen += 1
        if self._cookies_seen > MAX_COOKIES or not 0 < len(cookie) <= MAX_COOKIE_LENGTH:
            raise PeerViolation("the peer keeps asking for cookies")
        self._cookie = cookie
        return self

    def _refused(self, sa: IkeSa, error: NotifyPayload) -> Task:
        if error.type != NotifyType.INVALID_KE_PAYLOAD:
            raise ike_refused(error, sa.connection)
        offered = [method.group for method in sa.connection.proposals]
        group = key_exchange.group_wanted(error, offered, self._groups_tried)
        self._exchange = generate(group, sa.context.random)
        self._groups_tried.append(group)
        return self

    def _accepted(self, sa: IkeSa, inbound: Inbound) -> Task:
        """Nothing is remembered before everything is checked: the message may be forged."""
        assert sa.handshake is not None
        answer = select(inbound.payloads, SaPayload)[0]
        chosen = accepted_ike(sa.connection.proposals, answer, spi_size=0)
        shared = key_exchange.agree(self._exchange, select(inbound.payloads, KePayload)[0])
        if chosen.method.group != self._exchange.group:
            raise PeerViolation("the peer chose another group than that of its public value")
        spi_r = inbound.header.spi_r
        path = natd.detect(sa, spi_r, inbound.payloads)
        handshake = sa.handshake
        handshake.nonce_i = self._nonce
        handshake.nonce_r = select(inbound.payloads, NoncePayload)[0].nonce
        handshake.response = inbound.datagram.payload
        sa.spi_r = spi_r
        sa.path = path.moved_to_nat_t() if path.encapsulated else path
        nonces = (handshake.nonce_i, handshake.nonce_r)
        sa.take_keys(
            chosen.method, derive_ike_keys(chosen.method, shared, *nonces, sa.spi_i, spi_r)
        )
        return Authenticate()

    def failed(self, sa: IkeSa, error: ExchangeError, now: float) -> None:
        del now
        sa.report("IKE SA", error)
        sa.advance(Event.ENDED)


def _cookie(payloads: Sequence[Payload]) -> NotifyPayload | None:
    notifies = select(payloads, NotifyPayload)
    return next((notify for notify in notifies if notify.type == NotifyType.COOKIE), None)


def respond(sa: IkeSa, inbound: Inbound, now: float) -> list[Payload]:
    """The responder: everything is chosen here, and the SA is half-open afterwards.

    Raises `NoProposalChosen`, or `InvalidKePayload` when the initiator guessed the wrong group.
    """
    assert sa.handshake is not None
    chosen = _choose(sa, sa.handshake, select(inbound.payloads, SaPayload)[0])
    group = chosen.method.group
    peer_value = key_exchange.require_group(group, select(inbound.payloads, KePayload))
    exchange = generate(group, sa.context.random)
    shared = key_exchange.agree(exchange, peer_value)
    handshake = sa.handshake
    handshake.request = inbound.datagram.payload
    handshake.nonce_i = select(inbound.payloads, NoncePayload)[0].nonce
    handshake.nonce_r = sa.context.random(NONCE_LENGTH)
    sa.path = natd.detect(sa, inbound.header.spi_r, inbound.payloads)
    sa.spi_r = fresh_spi(sa)
    nonces = (handshake.nonce_i, handshake.nonce_r)
    keys = derive_ike_keys(chosen.method, shared, *nonces, sa.spi_i, sa.spi_r)
    sa.take_keys(chosen.method, keys)
    sa.advance(Event.INIT_ANSWERED)
    sa.timers[Timer.HALF_OPEN] = now + sa.context.timing.half_open_lifetime
    return [
        chosen.answer_with(b""),
        key_exchange.to_payload(exchange),
        NoncePayload(handshake.nonce_r),
        *natd.notifies(sa),
    ]


def fresh_spi(sa: IkeSa) -> bytes:
    """An SPI for an IKE SA: eight octets, never all zero."""
    while True:
        spi = sa.context.random(len(NO_SPI))
        if spi != NO_SPI:
            return spi


def _choose(sa: IkeSa, handshake: Handshake, offered: SaPayload) -> Chosen[IkeProposal]:
    """The first candidate that has a proposal in common becomes the connection for now."""
    refusal: NoProposalChosen | None = None
    for candidate in handshake.candidates:
        try:
            chosen = choose_ike(candidate.proposals, offered, spi_size=0)
        except NoProposalChosen as error:
            refusal = refusal or error
        else:
            sa.connection = candidate
            return chosen
    assert refusal is not None
    raise refusal
