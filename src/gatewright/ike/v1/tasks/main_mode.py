"""Main mode with a preshared key (RFC 2409 section 5.4)::

    initiator                          responder
    1  HDR, SA, VID...            -->
                                  <--  HDR, SA, VID...                2
    3  HDR, KE, Ni, NAT-D, NAT-D  -->
                                  <--  HDR, KE, Nr, NAT-D, NAT-D      4
    5  HDR*, IDii, HASH_I         -->
                                  <--  HDR*, IDir, HASH_R             6

Until message 5 nothing is authentic.  A message that does not fit is therefore no reason to give
up: it is a *suspicion*, which shortens the wait for a better one and becomes the explanation when
none comes.  The responder tells its suspicion at once, and keeps waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from typing import TypeVar

from gatewright.crypto.groups import InvalidPublicValue, KeyExchange, generate
from gatewright.crypto.keymat_v1 import derive_psk_keys, phase_one_hash, phase_one_iv
from gatewright.crypto.weak_keys import WeakKey
from gatewright.iana.ikev1 import NotifyType, ProtocolId
from gatewright.ike.machine import Datagram
from gatewright.ike.outputs import Difference, KeysDerived
from gatewright.ike.v1 import explain, identification, peer, phase_one, rules
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.errors import (
    AlgorithmsNotAllowed,
    ExchangeError,
    InvalidKey,
    InvalidPayloads,
    MalformedMessage,
    Unfit,
    WrongHash,
    WrongIdentity,
)
from gatewright.ike.v1.path import Path
from gatewright.ike.v1.phase_one import PhaseOneChoice
from gatewright.ike.v1.protection import CbcChain, Protection
from gatewright.ike.v1.retransmit import Answered, Repeater
from gatewright.ike.v1.rules import LAYOUTS, Shape
from gatewright.ike.v1.states import Event, State
from gatewright.ike.v1.tasks import natd, vendor
from gatewright.ipsec.secret import Secret
from gatewright.policy.compiled import Connection
from gatewright.wire.codec import Malformed
from gatewright.wire.v1.message import Chain, Message, parse_chain
from gatewright.wire.v1.payload import Payload
from gatewright.wire.v1.payloads.hash import HashPayload
from gatewright.wire.v1.payloads.identification import IdentificationPayload
from gatewright.wire.v1.payloads.ke import KeyExchangePayload
from gatewright.wire.v1.payloads.nonce import NoncePayload
from gatewright.wire.v1.payloads.notify import NotifyPayload
from gatewright.wire.v1.payloads.sa import SaPayload
from gatewright.wire.v1.payloads.vendor import VendorIdPayload

NONCE_LENGTH = 20

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class _Share:
    """What one side gave to the key exchange."""

    public: bytes
    nonce: bytes


class MainMode:
    """One main mode, in either role.

    ``first_contact`` tells whether no other SA with the peer is known (RFC 2407 section 4.6.3.3).
    ``failure`` is set when it cannot succeed any more; ``initial_contact`` when the peer said,
    authenticated, that it knows no other SA with us.
    """

    def __init__(self, core: Core, now: float, first_contact: Callable[[], bool]) -> None:
        self._core = core
        self._is_first_contact = first_contact
        self.began = now
        self._give_up_at = now + core.context.timing.half_open_lifetime
        self._sa_body = b""
        self._exchange: KeyExchange | None = None
        self._own: _Share | None = None
        self._peers: _Share | None = None
        self._repeater: Repeater | None = None
        self._answered: Answered | None = None
        self._suspicion: ExchangeError | None = None
        self.failure: ExchangeError | None = None
        self.initial_contact = False

    # --- inputs ------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Send message 1."""
        try:
            self._secret()
            offer = phase_one.offer(self._core.connection)
        except Unfit as error:
            self.failure = error
            return
        self._sa_body = offer.emit()
        self._core.advance(Event.OFFERED)
        self._ask((offer, *vendor.announcements(self._core)), now)

    def receive(self, message: Message, datagram: Datagram, now: float) -> None:
        """Any message of the exchange."""
        core = self._core
        octets = datagram.payload
        if self._answered is not None and self._answered.received == octets:
            if self._answered.answer is not None:
                core.transmit(self._answered.answer)
            core.drop("main_mode_message_repeated")
            return
        step = _STEPS.get(core.state)
        if step is None or message.encrypted != LAYOUTS[step.shape].encrypted:
            core.drop("main_mode_message_unexpected", core.state.value)
            return
        try:
            chain = self._open(message, step.shape)
            rules.check(step.shape, chain)
            step.take(self, chain, message, datagram, now)
        except ExchangeError as error:
            self._trouble(error)

    def note_refusal(self, notify: int, detail: str = "") -> None:
        """An error notify came in clear, or something came that looks encrypted and is not."""
        self._suspect(explain.refusal(self._core, notify, detail))

    def refused(self, notify: int, detail: str = "") -> None:
        """An authentic error notify came."""
        self.failure = explain.refusal(self._core, notify, detail)

    def unreadable(self) -> None:
        """An encrypted message that is not main mode's cannot be decrypted."""
        if self._core.state is State.SENT_5:
            self._suspect(explain.wrong_key(self._core, 6))

    def next_timeout(self) -> float | None:
        if self.failure is not None or self._core.state not in _HALF_OPEN:
            return None
        return self._repeater.deadline if self._repeater is not None else self._give_up_at

    def handle_timeout(self, now: float) -> None:
        due = self.next_timeout()
        if due is None or now < due:
            return
        if self._repeater is None:
            self._abandon()
        elif self._repeater.exhausted:
            self.failure = self._suspicion or explain.silence(self._core)
        else:
            self._core.transmit(self._repeater.octets)
            self._repeater.sent_again(now)

    # --- reading -----------------------------------------------------------------------------

    def _open(self, message: Message, shape: Shape) -> Chain:
        core = self._core
        if not LAYOUTS[shape].encrypted:
            try:
                return message.chain()
            except Malformed as error:
                raise MalformedMessage(f"the {shape.value} is malformed: {error}") from error
        number = 6 if core.is_initiator else 5
        try:
            plaintext = core.secured.main.open(message.body)
            return parse_chain(message.header.next_payload, plaintext, padded=True)
        except Malformed as error:
            raise explain.wrong_key(core, number) from error

    def _trouble(self, error: ExchangeError) -> None:
        """A message that could not be taken."""
        if isinstance(error, Unfit | WrongIdentity):
            self.failure = error
        else:
            self._suspect(error)

    def _suspect(self, error: ExchangeError) -> None:
        core = self._core
        core.drop("main_mode_message_refused", error.explanation)
        if self._suspicion is None and not core.is_initiator:
            core.report("main mode", error)
            if error.notify is not None:
                core.notify_in_clear(error.notify)
        self._suspicion = self._suspicion or error
        if self._repeater is not None:
            self._repeater.lose_hope()

    def _abandon(self) -> None:
        """A responder waited long enough."""
        core = self._core
        if self._suspicion is None and core.state is State.SENT_4:
            core.report("main mode", explain.silence(core))
        core.drop("half_open_expired", core.state.value)
        core.advance(Event.ENDED)

    # --- writing -----------------------------------------------------------------------------

    def _ask(self, payloads: tuple[Payload, ...], now: float, *, encrypted: bool = False) -> None:
        """An initiator's message: sent again until the answer comes."""
        octets = self._core.main_mode_message(payloads, encrypted=encrypted)
        self._repeater = Repeater.begin(octets, self._core.context.timing, now)
        self._suspicion = None

    def _answer(
        self, received: Datagram, payloads: tuple[Payload, ...], *, encrypted: bool = False
    ) -> None:
        """A responder's message: sent again when its question comes again."""
        octets = self._core.main_mode_message(payloads, encrypted=encrypted)
        self._answered = Answered(received.payload, octets)

    # --- messages 1 and 2 --------------------------------------------------------------------

    def _take_1(self, chain: Chain, _: Message, datagram: Datagram, __: float) -> None:
        core = self._core
        offered = _one(chain, SaPayload)
        selection = phase_one.select(offered, core.candidates)
        core.connection = selection.connection
        core.choice = selection.choice
        core.peer = peer.read(chain.all(VendorIdPayload))
        core.path = natd.choose_dialect(core)
        self._secret()
        self._sa_body = chain.body(offered)
        core.advance(Event.CHOSE)
        self._answer(datagram, (selection.answer, *vendor.announcements(core)))

    def _take_2(self, chain: Chain, message: Message, datagram: Datagram, now: float) -> None:
        core = self._core
        choice = phase_one.accept(_one(chain, SaPayload), core.connection)
        core.peer = peer.read(chain.all(VendorIdPayload))
        core.path = natd.choose_dialect(core)
        core.choice = choice
        core.cookie_r = message.header.spi_r
        core.advance(Event.SENT_KEY)
        self._answered = Answered(datagram.payload, None)
        self._ask(self._key_payloads(choice, core.path), now)

    # --- messages 3 and 4 --------------------------------------------------------------------

    def _take_3(self, chain: Chain, _: Message, datagram: Datagram, __: float) -> None:
        core = self._core
        assert core.choice is not None
        path = core.path.taken_by(datagram.local, datagram.remote)
        path = natd.detect(core, path, chain, core.choice.proposal.prf)
        payloads = self._key_payloads(core.choice, path)
        self._derive(chain)
        core.path = path
        core.advance(Event.ANSWERED_KEY)
        self._answer(datagram, payloads)

    def _take_4(self, chain: Chain, _: Message, datagram: Datagram, now: float) -> None:
        core = self._core
        assert core.choice is not None
        path = natd.detect(core, core.path, chain, core.choice.proposal.prf)
        self._derive(chain)
        core.path = natd.floated(path)
        core.advance(Event.SENT_IDENTITY)
        self._answered = Answered(datagram.payload, None)
        payloads = self._identity_payloads()
        if self._is_first_contact():
            contact = NotifyPayload(NotifyType.INITIAL_CONTACT, ProtocolId.ISAKMP, core.cookies)
            payloads = (*payloads, contact)
        self._ask(payloads, now, encrypted=True)

    def _key_payloads(self, choice: PhaseOneChoice, path: Path) -> tuple[Payload, ...]:
        core = self._core
        proposal = choice.proposal
        self._exchange = generate(proposal.group, core.context.random)
        self._own = _Share(self._exchange.public, core.context.random(NONCE_LENGTH))
        return (
            KeyExchangePayload(self._own.public),
            NoncePayload(self._own.nonce),
            *natd.payloads(core, path, proposal.prf),
        )

    def _derive(self, chain: Chain) -> None:
        """The keys of the SA (RFC 2409 sections 5 and 5.4)."""
        core = self._core
        assert core.choice is not None
        assert self._exchange is not None
        assert self._own is not None
        peers = _Share(_one(chain, KeyExchangePayload).data, _one(chain, NoncePayload).data)
        i, r = (self._own, peers) if core.is_initiator else (peers, self._own)
        cipher, prf = core.choice.proposal.cipher, core.choice.proposal.prf
        try:
            shared = self._exchange.shared_secret(peers.public)
            keys = derive_psk_keys(
                prf, cipher, self._secret(), i.nonce, r.nonce, core.cookie_i, core.cookie_r, shared
            )
        except InvalidPublicValue as error:
            raise InvalidKey(f"the peer's public value is unusable: {error}") from error
        except WeakKey as error:
            raise Unfit(f"the keys came out unusable ({error}); negotiate again") from error
        iv = phase_one_iv(prf, cipher, i.public, r.public)
        core.protection = Protection(prf, cipher, keys, CbcChain(cipher, keys, iv))
        self._peers = peers
        self._exchange = None
        if core.context.export_keys:
            core.emit(_exported(core))

    # --- messages 5 and 6 --------------------------------------------------------------------

    def _take_5(self, chain: Chain, message: Message, datagram: Datagram, now: float) -> None:
        core = self._core
        claimed = self._verify(chain)
        core.secured.main.accept(message.body)
        core.connection = self._identify(claimed, core.candidates)
        core.path = core.path.taken_by(datagram.local, datagram.remote)
        self._authenticated(chain, claimed, now)
        self._answer(datagram, self._identity_payloads(), encrypted=True)
        core.advance(Event.AUTHENTICATED)

    def _take_6(self, chain: Chain, message: Message, datagram: Datagram, now: float) -> None:
        core = self._core
        claimed = self._verify(chain)
        core.secured.main.accept(message.body)
        self._identify(claimed, (core.connection,))
        self._answered = Answered(datagram.payload, None)
        self._repeater = None
        self._authenticated(chain, claimed, now)
        core.advance(Event.AUTHENTICATED)

    def _identity_payloads(self) -> tuple[Payload, ...]:
        assert self._own is not None
        assert self._peers is not None
        identity = identification.identity_payload(self._core.connection.local_identity)
        cookies = (self._core.own_cookie, self._core.peer_cookie)
        own = self._hash(self._own, self._peers, *cookies, identity.emit())
        return (identity, HashPayload(own))

    def _verify(self, chain: Chain) -> IdentificationPayload:
        """Whether the peer proves to have the key, with the identity that it claims."""
        assert self._own is not None
        assert self._peers is not None
        claimed = _one(chain, IdentificationPayload)
        cookies = (self._core.peer_cookie, self._core.own_cookie)
        expected = self._hash(self._peers, self._own, *cookies, chain.body(claimed))
        if not compare_digest(_one(chain, HashPayload).data, expected):
            raise WrongHash(
                f"the authentication of {self._core.path.remote} is wrong, though the preshared "
                "key is right: somebody changed the negotiation on its way, or the peer computes "
                "it in another way",
            )
        return claimed

    def _hash(
        self, whose: _Share, other: _Share, cookie: bytes, other_cookie: bytes, identity: bytes
    ) -> bytes:
        secured = self._core.secured
        return phase_one_hash(
            secured.prf,
            secured.keys,
            whose.public,
            other.public,
            cookie,
            other_cookie,
            self._sa_body,
            identity,
        )

    def _identify(
        self, claimed: IdentificationPayload, candidates: tuple[Connection, ...]
    ) -> Connection:
        """The connection whose peer this is; raises `WrongIdentity`."""
        secret = self._core.connection.authentication
        known = [
            connection
            for connection in candidates
            if connection.authentication == secret
            and identification.is_identity(claimed, connection.remote_identity)
        ]
        for connection in known:
            if self._core.allows_choice(connection):
                return connection
        if known:
            raise self._not_allowed(known[0])
        wanted = " or ".join(str(each.remote_identity) for each in candidates)
        said = identification.describe(claimed)
        raise WrongIdentity(
            f"{self._core.path.remote} has the preshared key, and says to be {said}; the policy "
            f"expects {wanted}. Correct the remote identity here, or the local one of the peer.",
            (Difference("remote identity", wanted, said),),
        )

    def _not_allowed(self, connection: Connection) -> AlgorithmsNotAllowed:
        """Who the peer is comes out after the algorithms (RFC 2409 section 5.4)."""
        assert self._core.choice is not None
        chosen = self._core.choice.proposal
        agreed = f"{chosen.cipher.name}/{chosen.prf.hash}/{chosen.group.name}"
        return AlgorithmsNotAllowed(
            f"the peer turned out to be {connection.name}, whose policy does not allow {agreed}: "
            "give the tunnels between these addresses the same key exchange algorithms",
            (Difference("main mode algorithms", f"those of {connection.name}", agreed),),
        )

    def _authenticated(self, chain: Chain, claimed: IdentificationPayload, now: float) -> None:
        if not identification.has_ike_port(claimed):  # RFC 2407 section 4.6.2: to be audited
            self._core.drop("identity_with_foreign_port", identification.describe(claimed))
        self._core.peer_identity = identification.describe(claimed)
        self._core.last_heard = now
        self.initial_contact = any(
            notify.type == NotifyType.INITIAL_CONTACT for notify in chain.all(NotifyPayload)
        )

    def _secret(self) -> Secret:
        name = self._core.connection.authentication.secret
        try:
            return self._core.context.secrets.preshared_key(name)
        except KeyError as error:
            raise Unfit(
                f"{self._core.connection.source or self._core.connection.name}: there is no "
                f"preshared key {name!r}. Store it under this name."
            ) from error


_Take = Callable[[MainMode, Chain, Message, Datagram, float], None]


@dataclass(frozen=True, slots=True)
class _Step:
    shape: Shape
    take: _Take


_STEPS: dict[State, _Step] = {
    State.IDLE: _Step(Shape.MAIN_1, MainMode._take_1),
    State.SENT_1: _Step(Shape.MAIN_2, MainMode._take_2),
    State.SENT_2: _Step(Shape.MAIN_3, MainMode._take_3),
    State.SENT_3: _Step(Shape.MAIN_4, MainMode._take_4),
    State.SENT_4: _Step(Shape.MAIN_5, MainMode._take_5),
    State.SENT_5: _Step(Shape.MAIN_6, MainMode._take_6),
}
_HALF_OPEN = frozenset(_STEPS)


def _one(chain: Chain, kind: type[P]) -> P:
    """The payload that the rules have seen to."""
    payload = chain.first(kind)
    if payload is None:
        raise InvalidPayloads(f"no {kind.__name__}")
    return payload


def _exported(core: Core) -> KeysDerived:
    secured = core.secured
    empty = Secret(b"")
    return KeysDerived(
        tunnel=core.connection.name,
        version=1,
        spi_i=core.cookie_i.hex(),
        spi_r=core.cookie_r.hex(),
        cipher=secured.cipher.name,
        integrity=f"hmac-{secured.prf.hash}",
        sk_ei=secured.keys.encryption_key,
        sk_er=empty,
        sk_ai=empty,
        sk_ar=empty,
    )
