"""One main mode SA with its quick mode SAs, as a session of the endpoint.

The life of a message here: `receive` looks at the exchange type; `MainMode`, `QuickModes` or
`Inbox` takes it; what has come of it is seen to at the end of `receive`.

Who owns quick mode SAs.  They outlive the main mode SA that made them (RFC 2408 section 4.3,
MS-IKEE section 3.8.4.1), and somebody has to renew and delete them:

* A main mode SA is renewed by a new session, made here and given to the endpoint with
  `AdoptSession`.  When that one is established it shares the table of pairs and looks after it
  from then on; the old session is REPLACED, and deleted after ``rekey_overlap``.
* A session that ends without a successor gives its pairs to the newest other main mode SA with the
  peer.  When there is none it stays as EXPIRED, keeps the pairs until their end, and makes a new
  main mode SA when one of them has to be renewed or the peer's liveness is to be checked.

``AdoptSession`` also stands for "look at this session again": it is emitted for each session that
another one has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gatewright.iana.ikev1 import ExchangeType
from gatewright.ike.machine import Address, Context, Datagram
from gatewright.ike.outputs import (
    AdoptSession,
    Fault,
    IkeSaClosed,
    IkeSaEstablished,
    IkeSaSnapshot,
    Output,
    PeerSilent,
    UpdateTransport,
)
from gatewright.ike.v1 import terms
from gatewright.ike.v1.children import ChildState, QuickModeSa
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.errors import ExchangeError, Unfit, WrongIdentity
from gatewright.ike.v1.keeper import Keeper
from gatewright.ike.v1.path import Path
from gatewright.ike.v1.quick_modes import QuickModes, session_gone
from gatewright.ike.v1.schedule import Schedule
from gatewright.ike.v1.states import Event, State
from gatewright.ike.v1.tasks import delete, notify
from gatewright.ike.v1.tasks.dpd import DeadPeerDetection
from gatewright.ike.v1.tasks.inbox import Inbox
from gatewright.ike.v1.tasks.informational import Informational
from gatewright.ike.v1.tasks.keepalive import Keepalive
from gatewright.ike.v1.tasks.main_mode import MainMode
from gatewright.ike.v1.terms import Terms
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Child, Connection, StartMode
from gatewright.wire.codec import Malformed
from gatewright.wire.isakmp import NO_SPI, SPI_LENGTH, Header
from gatewright.wire.v1.message import Message

Trigger = tuple[TrafficSelector, TrafficSelector]
_HALF_OPEN = (
    State.IDLE,
    State.SENT_1,
    State.SENT_2,
    State.SENT_3,
    State.SENT_4,
    State.SENT_5,
)


class IkeV1Session:
    """Implements `gatewright.ike.machine.Session`."""

    def __init__(self, core: Core, now: float) -> None:
        self._core = core
        self._main = MainMode(core, now, self._is_first_contact)
        self._informational = Informational(core)
        self._keeper = Keeper(core, self._informational)
        self._quick = QuickModes(core, self._informational, self._keeper)
        self._dpd = DeadPeerDetection(core, self._informational)
        self._keepalive = Keepalive(core, now)
        self._inbox = Inbox(core, self._main, self._quick, self._informational, self._dpd, self)
        self._schedule = Schedule(now)
        self._wanted: list[Terms] = []
        self._predecessor: IkeV1Session | None = None
        self._successor: IkeV1Session | None = None
        self._received: Datagram | None = None

    @classmethod
    def initiator(
        cls, connection: Connection, context: Context, local: Address, remote: Address, now: float
    ) -> IkeV1Session:
        cookie = _new_cookie(context)
        path = Path(local, remote)
        core = Core((connection,), context, path, cookie, NO_SPI, is_initiator=True)
        return cls(core, now)

    @classmethod
    def responder(
        cls,
        candidates: Sequence[Connection],
        context: Context,
        first_datagram: Datagram,
        now: float,
    ) -> IkeV1Session:
        """For a first message that the front has accepted; `receive` gets it next."""
        cookie_i = Header.parse(first_datagram.payload).spi_i
        path = Path(first_datagram.local, first_datagram.remote)
        core = Core(candidates, context, path, cookie_i, _new_cookie(context), is_initiator=False)
        return cls(core, now)

    # --- what the endpoint sees --------------------------------------------------------------

    @property
    def spi_i(self) -> bytes:
        return self._core.cookie_i

    @property
    def spi_r(self) -> bytes:
        return self._core.cookie_r

    @property
    def is_initiator(self) -> bool:
        return self._core.is_initiator

    @property
    def connection(self) -> Connection:
        return self._core.connection

    @property
    def established(self) -> bool:
        return self._core.usable

    @property
    def closed(self) -> bool:
        return self._core.state is State.CLOSED

    def take_outputs(self) -> list[Output]:
        return self._core.take_outputs()

    def snapshot(self, now: float) -> IkeSaSnapshot:
        core, schedule = self._core, self._schedule
        proposal = core.choice.proposal if core.choice is not None else None
        rekey_at = schedule.rekey_at if core.state is State.ESTABLISHED else None
        expires_at = schedule.expires_at if core.usable else None
        return IkeSaSnapshot(
            tunnel=core.connection.name,
            version=1,
            state=core.state.value,
            initiator=core.is_initiator,
            local=str(core.path.local),
            remote=str(core.path.remote),
            peer_identity=core.peer_identity,
            algorithms=(
                f"{proposal.cipher.name} / {proposal.prf.name} / {proposal.group.name}"
                if proposal is not None
                else ""
            ),
            nat=core.path.nat.value,
            spi_i=core.cookie_i.hex(),
            spi_r=core.cookie_r.hex(),
            age=now - schedule.since,
            rekey_in=max(0.0, rekey_at - now) if rekey_at is not None else None,
            expires_in=max(0.0, expires_at - now) if expires_at is not None else None,
            children=(
                tuple(pair.snapshot(now) for pair in core.children) if self._keeps_pairs else ()
            ),
        )

    # --- inputs: the network and time --------------------------------------------------------

    def receive(self, datagram: Datagram, now: float) -> None:
        try:
            message = Message.parse(datagram.payload)
        except Malformed as error:
            self._core.drop(error.reason, error.detail)
            return
        if self._core.state in (State.EXPIRED, State.CLOSED):
            self._core.drop("main_mode_sa_expired")
            return
        self._received = datagram
        match message.header.exchange:
            case ExchangeType.IDENTITY_PROTECTION:
                self._main.receive(message, datagram, now)
                self._after_main_mode(now)
            case ExchangeType.QUICK_MODE:
                self._receive_quick_mode(message, datagram, now)
            case ExchangeType.INFORMATIONAL:
                self._inbox.receive(message, now)
                self._after_main_mode(now)
            case other:
                self._core.drop("exchange_unsupported", ExchangeType.describe(other))

    def next_timeout(self) -> float | None:
        core = self._core
        times: list[float | None]
        match core.state:
            case State.CLOSED:
                return None
            case State.ESTABLISHED:
                times = [
                    self._quick.next_timeout(),
                    core.children.next_timeout(),
                    self._dpd.next_timeout(),
                    self._keepalive.next_timeout(),
                    self._schedule.next_timeout(),
                ]
            case State.REPLACED:
                times = [self._quick.next_timeout(), self._schedule.next_timeout()]
            case State.EXPIRED:
                times = [
                    core.children.next_timeout(),
                    self._keepalive.next_timeout(),
                    self._schedule.next_timeout(),
                ]
            case _:
                times = [self._main.next_timeout()]
        return min((time for time in times if time is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        if self._core.state in _HALF_OPEN:
            self._main.handle_timeout(now)
            self._after_main_mode(now)
            return
        if self._core.usable and self._quick.handle_timeout(now):
            self._doubt_peer(now)
        if self._keeps_pairs:
            self._keepalive.handle_timeout(now)
            for pair in self._keeper.handle_timeout(now):
                self._renew_pair(pair, now)
        if self._core.state is State.ESTABLISHED and not self._dpd.handle_timeout(now):
            self._peer_is_silent()
        if self._schedule.due(now):
            self._handle_schedule(now)
        self._leave_if_empty()

    # --- inputs: commands --------------------------------------------------------------------

    def start(self, now: float) -> None:
        self._main.start(now)
        self._after_main_mode(now)

    def create_child(self, child: Child, now: float, trigger: Trigger | None = None) -> None:
        self._want(terms.of_child(child, trigger), now)

    def rekey_child(self, spi_in: int, now: float) -> None:
        pair = self._core.children.get(spi_in)
        if pair is not None and pair.state is ChildState.INSTALLED:
            self._renew_pair(pair, now)

    def delete_child(self, spi_in: int, now: float) -> None:
        self._keeper.remove(spi_in, "deleted by this gateway", tell=True)
        self._quick.pair_deleted(spi_in, now)
        self._leave_if_empty()

    def close(self, now: float, reason: str) -> None:
        core = self._core
        if core.state is State.CLOSED:
            return
        if core.state in _HALF_OPEN:
            self._fail(Unfit(reason), now)
            return
        self._quick.abort(session_gone(reason), now)
        if self._keeps_pairs:
            self._keeper.remove_all(reason, tell=True)
        self._end(reason, tell=True)

    def update_connection(self, connection: Connection, now: float) -> None:
        core = self._core
        core.candidates = tuple(
            connection if each.name == connection.name else each for each in core.candidates
        )
        core.connection = connection
        renewed = {child.policy_id: child for child in connection.children}
        for pair in core.children:
            pair.child = renewed.get(pair.child.policy_id, pair.child)
        if self._successor is not None and not self._successor.closed:
            self._successor.update_connection(connection, now)

    # --- what the peer tells (tasks.inbox.Listener) --------------------------------------------

    def peer_lives(self, now: float) -> None:
        core = self._core
        core.last_heard = now
        self._dpd.heard()
        datagram = self._received
        if datagram is None or not core.path.nat.hides_peer or not core.usable:
            return
        if datagram.remote != core.path.remote:  # its NAT has forgotten the old mapping
            core.path = replace(core.path, remote=datagram.remote)
            for pair in core.children:
                moved = replace(pair.sa, transport=core.path.transport())
                pair.sa = moved
                core.emit(
                    UpdateTransport(moved.spi_in, str(datagram.remote.ip), datagram.remote.port)
                )

    def pair_deleted(self, spi_out: int, now: float) -> None:
        for session in (self, *self._siblings()):
            pair = session._core.children.by_outbound(spi_out)
            if pair is not None and session._keeps_pairs:
                session._keeper.remove(pair.sa.spi_in, "deleted by the peer", tell=False)
                session._quick.pair_deleted(pair.sa.spi_in, now)
                session._leave_if_empty()
                self._look_at(session)
                return

    def main_mode_deleted(self, cookies: bytes, now: float) -> None:
        for session in (self, *self._siblings()):
            if session._core.cookies == cookies and session.established:
                session._expire("deleted by the peer", now, tell=False)
                self._look_at(session)

    def peer_restarted(self, now: float) -> None:
        reason = "the peer started anew (INITIAL_CONTACT)"
        for session in self._siblings():
            if session._core.state in _HALF_OPEN or session._schedule.since > self._main.began:
                continue  # younger than what the peer speaks of
            session._quick.abort(session_gone(reason), now)
            if session._keeps_pairs:
                session._keeper.remove_all(reason, tell=False)
            session._end(reason, tell=False)
            self._look_at(session)

    # --- main mode ---------------------------------------------------------------------------

    def _after_main_mode(self, now: float) -> None:
        """See to what main mode has come to."""
        if self._main.failure is not None and self._core.state is not State.CLOSED:
            self._fail(self._main.failure, now)
        elif self._core.state is State.ESTABLISHED and not self._schedule.running:
            self._established(now)

    def _established(self, now: float) -> None:
        core = self._core
        assert core.choice is not None
        self._schedule.begin(core, now)
        proposal = core.choice.proposal
        core.emit(
            IkeSaEstablished(
                tunnel=core.connection.name,
                version=1,
                initiator=core.is_initiator,
                local=str(core.path.local),
                remote=str(core.path.remote),
                peer_identity=core.peer_identity,
                algorithms=f"{proposal.cipher.name} / {proposal.prf.name} / {proposal.group.name}",
                spi_i=core.cookie_i.hex(),
                spi_r=core.cookie_r.hex(),
                rekeyed=self._predecessor is not None,
            )
        )
        if self._main.initial_contact:
            self.peer_restarted(now)
        self._take_over(now)
        wanted, self._wanted = self._wanted, []
        for each in wanted:
            self._want(each, now)

    def _fail(self, error: ExchangeError, now: float) -> None:
        """Main mode cannot succeed."""
        core = self._core
        if isinstance(error, WrongIdentity) and error.notify is not None:
            self._informational.send((notify.about_main_mode(core, error.notify),))
            if core.is_initiator:  # the responder takes the SA for established
                self._informational.send((delete.main_mode_sa(core),))
        first_time = tuple(each.child for each in self._wanted if each.replaces is None)
        core.report("main mode", error, first_time)
        self._wanted.clear()
        core.advance(Event.ENDED)
        predecessor = self._predecessor
        self._predecessor = None
        if predecessor is not None:
            predecessor._successor_failed(error, now)
            self._look_at(predecessor)

    # --- quick mode --------------------------------------------------------------------------

    def _receive_quick_mode(self, message: Message, datagram: Datagram, now: float) -> None:
        core = self._core
        if not core.usable or not message.encrypted:
            core.drop("quick_mode_without_main_mode", core.state.value)
            return
        if self._quick.receive(message, datagram.payload, now):
            self.peer_lives(now)

    def _want(self, wanted: Terms, now: float) -> None:
        """Negotiate this, on whichever main mode SA can."""
        match self._core.state:
            case State.ESTABLISHED:
                if self._quick.under_way(wanted.child.policy_id):
                    return
                if self._quick.exhausted:
                    self._renew((wanted,), now)
                else:
                    self._quick.begin(wanted, now)
            case State.REPLACED | State.EXPIRED:
                self._renew((wanted,), now)
            case State.CLOSED:
                self._core.report("quick mode", session_gone("it was closed"), (wanted.child,))
            case _:
                policies = {each.child.policy_id for each in self._wanted}
                if wanted.child.policy_id not in policies:
                    self._wanted.append(wanted)

    def _renew_pair(self, pair: QuickModeSa, now: float) -> None:
        pair.state = ChildState.REKEYING
        local, remote = pair.sa.local[0], pair.sa.remote[0]
        self._want(Terms(pair.child, local, remote, pair.sa.spi_in), now)

    def _doubt_peer(self, now: float) -> None:
        """A quick mode got no answer: is it the quick mode, or the peer?"""
        if self._dpd.enabled:
            self._dpd.ask(now)
        elif self._core.state is State.ESTABLISHED and self._quick.idle:
            # Without RFC 3706 there is no way to ask: the next try begins with main mode.
            self._expire("the peer did not answer quick mode", now, tell=True)

    # --- renewal and inheritance -------------------------------------------------------------

    @property
    def _keeps_pairs(self) -> bool:
        """Whether the table of pairs is this session's to look after."""
        return self._core.state in (State.ESTABLISHED, State.EXPIRED)

    def _siblings(self) -> list[IkeV1Session]:
        """The other sessions with the peer, oldest first."""
        core = self._core
        found = core.context.sessions_between(core.connection.local, core.connection.remote)
        others = [
            session
            for session in found
            if isinstance(session, IkeV1Session) and session is not self and not session.closed
        ]
        return sorted(others, key=lambda session: session._schedule.since)

    def _siblings_of_tunnel(self) -> list[IkeV1Session]:
        name = self._core.connection.name
        return [each for each in self._siblings() if each.connection.name == name]

    def _is_first_contact(self) -> bool:
        return not self._siblings()

    def _look_at(self, session: IkeV1Session) -> None:
        if session is not self:
            self._core.emit(AdoptSession(session))

    def _renew(self, wanted: Sequence[Terms], now: float) -> None:
        """Have a new main mode SA, and these quick modes on it."""
        successor = self._successor
        if successor is None or successor.closed:
            core = self._core
            successor = IkeV1Session.initiator(
                core.connection, core.context, core.path.local, core.path.remote, now
            )
            successor._predecessor = self
            self._successor = successor
            successor._wanted.extend(wanted)
            successor.start(now)
        else:
            for each in wanted:
                successor._want(each, now)
        self._look_at(successor)

    def _take_over(self, now: float) -> None:
        """Newly established: look after the pairs of those that no longer can."""
        predecessor = self._predecessor
        self._predecessor = None
        if predecessor is not None and not predecessor.closed:
            self._core.children = predecessor._core.children
            predecessor._superseded(now)
            self._core.emit(AdoptSession(self))
            self._look_at(predecessor)
        for orphan in self._siblings_of_tunnel():
            if orphan._core.state is State.EXPIRED:
                self._inherit(orphan)

    def _inherit(self, other: IkeV1Session) -> None:
        self._keeper.take_over(other._core.children.take_all())
        self._core.emit(AdoptSession(self))
        other._leave_if_empty()
        self._look_at(other)

    def _superseded(self, now: float) -> None:
        """A successor has taken over the pairs."""
        core = self._core
        if core.state is State.ESTABLISHED:
            core.advance(Event.SUPERSEDED)
            self._schedule.leave_at(now + core.context.timing.rekey_overlap)
        elif core.state is State.EXPIRED:
            core.advance(Event.ENDED)

    def _successor_failed(self, error: ExchangeError, now: float) -> None:
        core = self._core
        for pair in core.children:
            self._keeper.rekey_failed(pair.sa.spi_in, now)
        if core.state is not State.EXPIRED:
            self._schedule.renew_again(now + core.context.timing.retry_delay)
        elif error.fault is Fault.TIMEOUT and self._dpd.enabled:
            self._peer_is_silent()
        elif self._dpd.enabled:
            self._schedule.renew_again(now + core.connection.dpd_delay)

    def _handle_schedule(self, now: float) -> None:
        core, schedule = self._core, self._schedule
        if core.usable and schedule.expired(now):
            reason = (
                "replaced by a newer main mode SA"
                if core.state is State.REPLACED
                else "its lifetime is over"
            )
            if core.state is State.REPLACED and not self._quick.idle:
                schedule.leave_at(now + core.context.timing.rekey_overlap)
                return
            self._expire(reason, now, tell=True)
        elif schedule.rekey_at is not None and now >= schedule.rekey_at:
            schedule.rekey_at = None
            if self._worth_renewing():
                self._renew((), now)

    def _worth_renewing(self) -> bool:
        always = any(child.start is StartMode.ALWAYS for child in self._core.connection.children)
        if not len(self._core.children) and not always:
            return False
        expires_at = self._schedule.expires_at
        return self._core.state is State.EXPIRED or not any(
            sibling._core.state is State.ESTABLISHED and sibling._schedule.expires_at > expires_at
            for sibling in self._siblings_of_tunnel()
        )

    # --- the end -----------------------------------------------------------------------------

    def _expire(self, reason: str, now: float, *, tell: bool) -> None:
        """The main mode SA is gone; its pairs are not."""
        core = self._core
        kept_pairs = self._keeps_pairs
        self._quick.abort(session_gone(reason), now)
        if tell:
            self._informational.send((delete.main_mode_sa(core),))
        core.advance(Event.EXPIRED)
        self._schedule.stop()
        core.emit(
            IkeSaClosed(core.connection.name, core.cookie_i.hex(), core.cookie_r.hex(), reason)
        )
        if not kept_pairs:
            core.advance(Event.ENDED)
            if self._successor is not None and not self._successor.closed:
                self._look_at(self._successor)
            return
        heirs = [
            each for each in self._siblings_of_tunnel() if each._core.state is State.ESTABLISHED
        ]
        if heirs:
            heirs[-1]._inherit(self)
            self._look_at(heirs[-1])
        elif self._dpd.enabled:
            self._schedule.renew_again(now + core.connection.dpd_delay)
        self._leave_if_empty()

    def _peer_is_silent(self) -> None:
        core = self._core
        core.emit(PeerSilent(core.connection.name, str(core.path.remote)))
        reason = "the peer is silent"
        self._quick.abort(session_gone(reason), core.last_heard)
        self._keeper.remove_all(reason, tell=False)
        self._end(reason, tell=False)

    def _leave_if_empty(self) -> None:
        """An expired session stays for its pairs alone."""
        if self._core.state is State.EXPIRED and not len(self._core.children):
            self._core.advance(Event.ENDED)

    def _end(self, reason: str, *, tell: bool) -> None:
        core = self._core
        if core.usable:
            if tell:
                self._informational.send((delete.main_mode_sa(core),))
            core.emit(
                IkeSaClosed(core.connection.name, core.cookie_i.hex(), core.cookie_r.hex(), reason)
            )
        core.advance(Event.ENDED)


def _new_cookie(context: Context) -> bytes:
    """Eight unpredictable octets, not zero (RFC 2408 section 2.5.3)."""
    while True:
        cookie = context.random(SPI_LENGTH)
        if cookie != NO_SPI:
            return cookie
