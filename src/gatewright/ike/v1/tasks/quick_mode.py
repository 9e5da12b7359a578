"""Quick mode: a pair of ESP SAs under a main mode SA (RFC 2409 section 5.5)::

    initiator                                       responder
    1  HDR*, HASH(1), SA, Ni, [KE,] IDci, IDcr -->
                                   <--  HDR*, HASH(2), SA, Nr, [KE,] IDci, IDcr   2
    3  HDR*, HASH(3)                           -->

Every message is authentic, so an error in one is the peer's.  Both sides send again: the
initiator message 1, the responder message 2, since nothing answers message 3 (RFC 2408 section
5.1).  The commit bit asks to wait for a notify before the SAs are used; they are used with message
3, which Windows, which sets the bit, takes as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from typing import TypeVar

from gatewright.crypto.groups import InvalidPublicValue, KeyExchange, generate
from gatewright.crypto.keymat_v1 import quick_hash_1, quick_hash_2, quick_hash_3, quick_mode_keys
from gatewright.crypto.weak_keys import WeakKey
from gatewright.iana.algorithms import Group
from gatewright.iana.ikev1 import ExchangeType, IpsecAttribute, NotifyType, ProtocolId
from gatewright.ike.machine import ReservedSpi
from gatewright.ike.v1 import lifetimes, phase_two, rules, terms
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.errors import (
    BadAnswer,
    ExchangeError,
    InvalidId,
    InvalidKey,
    InvalidPayloads,
    NoAnswer,
    Unfit,
)
from gatewright.ike.v1.identification import selector_payload
from gatewright.ike.v1.lifetimes import Lifetime
from gatewright.ike.v1.phase_two import PhaseTwoChoice
from gatewright.ike.v1.retransmit import Answered, Repeater
from gatewright.ike.v1.rules import Shape
from gatewright.ike.v1.states import QUICK_TRANSITIONS, QuickEvent, QuickState, advance
from gatewright.ike.v1.tasks import notify
from gatewright.ike.v1.terms import Terms
from gatewright.ipsec.association import ChildSa, SaKeys
from gatewright.ipsec.secret import Secret
from gatewright.wire.codec import Malformed, Reader
from gatewright.wire.v1.attributes import parse_attributes
from gatewright.wire.v1.message import Chain, Message, emit_chain, emit_message, parse_chain
from gatewright.wire.v1.payload import Payload
from gatewright.wire.v1.payloads.hash import HashPayload
from gatewright.wire.v1.payloads.identification import IdentificationPayload
from gatewright.wire.v1.payloads.ke import KeyExchangePayload
from gatewright.wire.v1.payloads.nonce import NoncePayload
from gatewright.wire.v1.payloads.notify import NotifyPayload
from gatewright.wire.v1.payloads.sa import SaPayload

NONCE_LENGTH = 20
_KILOBYTE = 1024

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Made:
    """What a quick mode made.  ``nonce`` is the lower of its two."""

    sa: ChildSa
    lifetime: Lifetime
    nonce: bytes


Install = Callable[["QuickMode", Made, float], None]
"""Puts the pair of a quick mode into use; with the time."""


class QuickMode:
    """One quick mode, in either role.

    ``made`` is set with message 2 (of which the responder has still to see the confirmation),
    ``failure`` when it has failed.  ``barred`` is why a responder may not accept it, if so.
    ``install`` is called when ``made`` is set, before the message is sent with which the peer can
    use the pair: the peer's first packet may follow its arrival at once.
    """

    def __init__(
        self,
        core: Core,
        message_id: int,
        now: float,
        install: Install,
        barred: ExchangeError | None = None,
    ) -> None:
        self._core = core
        self._barred = barred
        self._install = install
        self.message_id = message_id
        self.began = now
        self.state = QuickState.IDLE
        self.terms: Terms | None = None
        self._spi: ReservedSpi | None = None
        self.peers_spi = b""
        self.made: Made | None = None
        self.failure: ExchangeError | None = None
        self._chain = core.secured.chain(message_id)
        self._nonce_i = b""
        self._nonce_r = b""
        self._exchange: KeyExchange | None = None
        self._repeater: Repeater | None = None
        self._answered: Answered | None = None

    @property
    def spi_in(self) -> int:
        """Ours; 0 before there is one."""
        return self._spi.number if self._spi is not None else 0

    # --- inputs ------------------------------------------------------------------------------

    def start(self, wanted: Terms, now: float) -> None:
        """Send message 1."""
        core = self._core
        self.terms = wanted
        self._spi = core.context.allocate_spi()
        try:
            offer = phase_two.offer(wanted.child, self.spi_in, core.path.mode)
            selectors = (selector_payload(wanted.local), selector_payload(wanted.remote))
        except Unfit as error:
            self._fail(error)
            return
        self._nonce_i = core.context.random(NONCE_LENGTH)
        key = self._own_key(phase_two.usable(wanted.child)[0].group)
        covered: tuple[Payload, ...] = (
            offer,
            NoncePayload(self._nonce_i),
            *key,
            *selectors,
        )
        secured = core.secured
        own = quick_hash_1(secured.prf, secured.keys, self.message_id, emit_chain(covered))
        self._advance(QuickEvent.OFFERED)
        self._ask((HashPayload(own), *covered), now)

    def receive(self, message: Message, octets: bytes, now: float) -> bool:
        """Any message of the exchange; True when it was authentic and new."""
        core = self._core
        if self._answered is not None and self._answered.received == octets:
            if self._answered.answer is not None:
                core.transmit(self._answered.answer)
            core.drop("quick_mode_message_repeated")
            return False
        step = _STEPS.get(self.state)
        if step is None:
            core.drop("quick_mode_message_unexpected", self.state.value)
            return False
        try:
            plaintext = self._chain.open(message.body)
            chain = parse_chain(message.header.next_payload, plaintext, padded=True)
        except Malformed as error:
            core.drop("quick_mode_message_unreadable", error.detail)
            return False
        if not self._authentic(chain, step.shape):
            core.drop("quick_mode_message_wrong_hash")
            return False
        self._chain.accept(message.body)
        try:
            rules.check(step.shape, chain)
            step.take(self, chain, octets, now)
        except ExchangeError as error:
            self._fail(error)
        return True

    def refused(self, error: ExchangeError) -> None:
        """The peer sent an authentic error notify for it, or it cannot go on."""
        self._fail(error)

    def answer_with(self, received: bytes, octets: bytes | None) -> None:
        """What a failed quick mode is answered with when its message comes again."""
        self._answered = Answered(received, octets)

    def next_timeout(self) -> float | None:
        return self._repeater.deadline if self._repeater is not None else None

    def handle_timeout(self, now: float) -> None:
        if self._repeater is None or now < self._repeater.deadline:
            return
        if self._repeater.exhausted:
            self._fail(self._silence())
        else:
            self._core.transmit(self._repeater.octets)
            self._repeater.sent_again(now)

    # --- messages ----------------------------------------------------------------------------

    def _take_1(self, chain: Chain, octets: bytes, now: float) -> None:
        core = self._core
        offered = _one(chain, SaPayload)
        self.peers_spi = next((each.spi for each in offered.proposals), b"")
        if self._barred is not None:
            raise self._barred
        self.terms = terms.asked_for(core, chain)
        selection = phase_two.select(offered, self.terms.child, core.path.mode)
        choice = selection.choice
        public = self._public_of(chain, choice)
        self._spi = core.context.allocate_spi()
        self._nonce_i = _one(chain, NoncePayload).data
        self._nonce_r = core.context.random(NONCE_LENGTH)
        key = self._own_key(choice.method.group)
        self._make(choice, choice.lifetime, self._shared(public), now)
        covered: list[Payload] = [
            selection.answer(self.spi_in),
            NoncePayload(self._nonce_r),
            *key,
            *chain.all(IdentificationPayload),
        ]
        if choice.shortened:
            covered.append(notify.responder_lifetime(choice.lifetime, *_LIFE, self.peers_spi))
        own = self._hash_2(emit_chain(covered))
        self._advance(QuickEvent.CHOSE)
        answer = self._ask((HashPayload(own), *covered), now)
        self._answered = Answered(octets, answer)

    def _take_2(self, chain: Chain, octets: bytes, now: float) -> None:
        assert self.terms is not None
        choice = phase_two.accept(_one(chain, SaPayload), self.terms.child, self._core.path.mode)
        self._nonce_r = _one(chain, NoncePayload).data
        self._check_selectors(chain)
        shared = self._shared(self._public_of(chain, choice))
        self._make(choice, choice.lifetime.agreed(_responder_lifetime(chain)), shared, now)
        secured = self._core.secured
        own = quick_hash_3(secured.prf, secured.keys, self.message_id, self._nonce_i, self._nonce_r)
        self._advance(QuickEvent.CONFIRMED)
        self._repeater = None
        self._answered = Answered(octets, self._send((HashPayload(own),)))

    def _take_3(self, _: Chain, octets: bytes, __: float) -> None:
        self._advance(QuickEvent.CONFIRMED)
        self._repeater = None
        self._answered = Answered(octets, None)

    # --- authenticity ------------------------------------------------------------------------

    def _authentic(self, chain: Chain, shape: Shape) -> bool:
        first = chain.payloads[0] if chain.payloads else None
        if not isinstance(first, HashPayload):
            return False
        secured = self._core.secured
        if shape is Shape.QUICK_1:
            expected = quick_hash_1(secured.prf, secured.keys, self.message_id, chain.after_first)
        elif shape is Shape.QUICK_2:
            expected = self._hash_2(chain.after_first)
        else:
            expected = quick_hash_3(
                secured.prf, secured.keys, self.message_id, self._nonce_i, self._nonce_r
            )
        return compare_digest(first.data, expected)

    def _hash_2(self, covered: bytes) -> bytes:
        secured = self._core.secured
        return quick_hash_2(secured.prf, secured.keys, self.message_id, self._nonce_i, covered)

    # --- keys --------------------------------------------------------------------------------

    def _own_key(self, group: Group | None) -> tuple[KeyExchangePayload, ...]:
        if group is None:
            return ()
        self._exchange = generate(group, self._core.context.random)
        return (KeyExchangePayload(self._exchange.public),)

    def _public_of(self, chain: Chain, choice: PhaseTwoChoice) -> bytes | None:
        """The peer's public value, there if and only if the chosen method has a group."""
        key = chain.first(KeyExchangePayload)
        if (key is None) != (choice.method.group is None):
            raise InvalidPayloads(
                "the peer's key exchange data and the chosen perfect forward secrecy contradict "
                "each other"
            )
        return key.data if key is not None else None

    def _shared(self, public: bytes | None) -> Secret | None:
        if public is None:
            return None
        assert self._exchange is not None
        try:
            return self._exchange.shared_secret(public)
        except InvalidPublicValue as error:
            raise InvalidKey(f"the peer's public value is unusable: {error}") from error
        finally:
            self._exchange = None

    def _make(
        self, choice: PhaseTwoChoice, lifetime: Lifetime, shared: Secret | None, now: float
    ) -> None:
        """The pair of SAs, with its keys, ready to receive."""
        assert self.terms is not None
        core = self._core
        limit = lifetime.kilobytes * _KILOBYTE
        sa = ChildSa(
            spi_in=self.spi_in,
            spi_out=choice.spi_out,
            policy_id=self.terms.child.policy_id,
            tunnel=core.connection_of(self.terms.child).name,
            child=self.terms.child.name,
            transport=core.path.transport(),
            cipher=choice.method.cipher,
            integrity=choice.method.integrity,
            keys_in=self._keys(self.spi_in, choice, shared),
            keys_out=self._keys(choice.spi_out, choice, shared),
            esn=False,
            local=(self.terms.local,),
            remote=(self.terms.remote,),
            byte_soft_limit=self._soft_limit(limit),
            byte_limit=limit,
            outbound_standby=True,
        )
        self.made = Made(sa, lifetime, min(self._nonce_i, self._nonce_r))
        self._install(self, self.made, now)

    def _soft_limit(self, octets: int) -> int:
        timing, random = self._core.context.timing, self._core.context.random
        first = self.state is QuickState.SENT_1
        margin = octets * timing.volume_margin
        return int(lifetimes.rekey_after(octets, margin, timing, random, first=first))

    def _keys(self, spi: int, choice: PhaseTwoChoice, shared: Secret | None) -> SaKeys:
        secured = self._core.secured
        try:
            return quick_mode_keys(
                secured.prf,
                secured.keys,
                ProtocolId.ESP,
                spi.to_bytes(phase_two.SPI_LENGTH, "big"),
                self._nonce_i,
                self._nonce_r,
                choice.method.cipher,
                choice.method.integrity,
                shared,
            )
        except WeakKey as error:
            raise Unfit(f"the keys came out unusable ({error}); negotiate again") from error

    # --- small things ------------------------------------------------------------------------

    def _check_selectors(self, chain: Chain) -> None:
        """RFC 2409 section 5.5: the answer repeats the selectors."""
        assert self.terms is not None
        expected = tuple(selector_payload(each) for each in (self.terms.local, self.terms.remote))
        if chain.all(IdentificationPayload) != expected:
            raise InvalidId("the peer answers with other traffic selectors than it was asked for")

    def _ask(self, payloads: tuple[Payload, ...], now: float) -> bytes:
        octets = self._send(payloads)
        self._repeater = Repeater.begin(octets, self._core.context.timing, now)
        return octets

    def _send(self, payloads: tuple[Payload, ...]) -> bytes:
        octets = emit_message(
            self._core.cookie_i,
            self._core.cookie_r,
            ExchangeType.QUICK_MODE,
            self.message_id,
            payloads[0].number,
            self._chain.seal(emit_chain(payloads)),
            encrypted=True,
        )
        self._core.transmit(octets)
        return octets

    def _silence(self) -> NoAnswer:
        remote = self._core.path.remote
        if self.state is QuickState.SENT_1:
            return NoAnswer(
                f"{remote} did not answer quick mode. Some gateways say nothing when they have "
                "no matching filter or security method: compare the networks and the security "
                "methods of both sides."
            )
        return NoAnswer(
            f"{remote} began quick mode and never confirmed it. The new pair stays, in case that "
            "only the confirmation was lost: it comes into use with the first packet on it."
        )

    def _fail(self, error: ExchangeError) -> None:
        self.failure = error
        self._repeater = None
        self._exchange = None
        self._advance(QuickEvent.FAILED)

    def _advance(self, event: QuickEvent) -> None:
        self.state = advance(QUICK_TRANSITIONS, self.state, event)


_Take = Callable[[QuickMode, Chain, bytes, float], None]
_LIFE = (IpsecAttribute.LIFE_TYPE, IpsecAttribute.LIFE_DURATION)


@dataclass(frozen=True, slots=True)
class _Step:
    shape: Shape
    take: _Take


_STEPS: dict[QuickState, _Step] = {
    QuickState.IDLE: _Step(Shape.QUICK_1, QuickMode._take_1),
    QuickState.SENT_1: _Step(Shape.QUICK_2, QuickMode._take_2),
    QuickState.SENT_2: _Step(Shape.QUICK_3, QuickMode._take_3),
}


def _one(chain: Chain, kind: type[P]) -> P:
    """The payload that the rules have seen to."""
    payload = chain.first(kind)
    if payload is None:
        raise InvalidPayloads(f"no {kind.__name__}")
    return payload


def _responder_lifetime(chain: Chain) -> Lifetime:
    """What the responder shortened the lifetime to (RFC 2407 section 4.6.3.1)."""
    shortened = Lifetime(0)
    for each in chain.all(NotifyPayload):
        if each.type == NotifyType.RESPONDER_LIFETIME:
            try:
                attributes = parse_attributes(Reader(each.data))
            except Malformed as error:
                raise BadAnswer(f"the responder's lifetime is malformed: {error}") from error
            shortened = shortened.agreed(lifetimes.read(attributes, *_LIFE))
    return shortened
