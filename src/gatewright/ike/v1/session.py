"""One main mode SA with its quick mode SAs, as a session of the endpoint.

The life of a message here: `receive` looks at the exchange type; `MainMode`, `QuickModes` or
`Inbox` takes it; what has come of it is seen to at the end of `receive`.

Who looks after quick mode SAs when their main mode SA is gone is told in `relatives`.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import replace

from gatewright.iana.ikev1 import ExchangeType
from gatewright.ike.machine import Address, Context, Datagram
from gatewright.ike.outputs import (
    Fault,
    IkeSaSnapshot,
    Output,
    PeerSilent,
    UpdateTransport,
)
from gatewright.ike.v1 import terms, views
from gatewright.ike.v1.children import ChildState, QuickModeSa, Traffic
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.errors import ExchangeError, Unfit, WrongIdentity
from gatewright.ike.v1.keeper import Keeper
from gatewright.ike.v1.path import Path
from gatewright.ike.v1.quick_modes import QuickModes, session_gone
from gatewright.ike.v1.relatives import Relatives
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
from gatewright.policy.compiled import Child, Connection
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
        self.core = core
        self.relatives = Relatives(self)
        self._main = MainMode(core, now, self.relatives.none)
        self._informational = Informational(core)
        self.keeper = Keeper(core, self._informational, self.relatives)
        self.quick = QuickModes(core, self._informational, self.keeper)
        self._dpd = DeadPeerDetection(core, self._informational)
        self._keepalive = Keepalive(core, now)
        listener = weakref.proxy(self)  # or it would outlive its end until it is collected
        self._inbox = Inbox(core, self._main, self.quick, self._informational, self._dpd, listener)
        self.schedule = Schedule(now)
        self._wanted: dict[Traffic, Terms] = {}
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
        return self.core.cookie_i

    @property
    def spi_r(self) -> bytes:
        return self.core.cookie_r

    @property
    def is_initiator(self) -> bool:
        return self.core.is_initiator

    @property
    def connection(self) -> Connection:
        return self.core.connection

    @property
    def established(self) -> bool:
        return self.core.usable

    @property
    def nat(self) -> str:
        return self.core.path.nat.value

    @property
    def closed(self) -> bool:
        return self.core.state is State.CLOSED

    def take_outputs(self) -> list[Output]:
        return self.core.take_outputs()

    def snapshot(self, now: float) -> IkeSaSnapshot:
        return views.snapshot(self.core, self.schedule, now, keeps_pairs=self.keeps_pairs)

    # --- inputs: the network and time --------------------------------------------------------

    def receive(self, datagram: Datagram, now: float) -> None:
        try:
            message = Message.parse(datagram.payload)
        except Malformed as error:
            self.core.drop(error.reason, error.detail)
            return
        if self.core.state in (State.EXPIRED, State.CLOSED):
            self.core.drop("main_mode_sa_expired")
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
                self.core.drop("exchange_unsupported", ExchangeType.describe(other))

    def next_timeout(self) -> float | None:
        core = self.core
        times: list[float | None]
        match core.state:
            case State.CLOSED:
                return None
            case State.ESTABLISHED:
                times = [
                    self.quick.next_timeout(),
                    self._informational.next_timeout(),
                    core.children.next_timeout(),
                    self._dpd.next_timeout(),
                    self._keepalive.next_timeout(),
                    self.schedule.next_timeout(),
                ]
            case State.REPLACED:
                times = [
                    self.quick.next_timeout(),
                    self._informational.next_timeout(),
                    self.schedule.next_timeout(),
                ]
            case State.EXPIRED:
                times = [
                    core.children.next_timeout(),
                    self._keepalive.next_timeout(),
                    self.schedule.next_timeout(),
                ]
            case _:
                times = [self._main.next_timeout()]
        return min((time for time in times if time is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        if self.core.state in _HALF_OPEN:
            self._main.handle_timeout(now)
            self._after_main_mode(now)
            return
        if self.core.usable:
            self._informational.handle_timeout(now)
            if self.quick.handle_timeout(now):
                self._doubt_peer(now)
        self._leave_if_overdrawn(now)
        if self.keeps_pairs:
            self._keepalive.handle_timeout(now)
            for pair in self.keeper.handle_timeout(now):
                self._renew_pair(pair, now)
        if self.core.state is State.ESTABLISHED and not self._dpd.handle_timeout(now):
            self._peer_is_silent()
        if self.schedule.due(now):
            self._handle_schedule(now)
        self.leave_if_empty()

    # --- inputs: commands --------------------------------------------------------------------

    def start(self, now: float) -> None:
        self._main.start(now)
        self._after_main_mode(now)

    def create_child(self, child: Child, now: float, trigger: Trigger | None = None) -> None:
        self.want(terms.of_child(child, trigger), now)

    def rekey_child(self, spi_in: int, now: float) -> None:
        pair = self.core.children.get(spi_in)
        if pair is not None and pair.state is ChildState.INSTALLED:
            self._renew_pair(pair, now)

    def child_used_up(self, spi_in: int, now: float) -> None:
        self.keeper.used_up(spi_in, now)
        self.rekey_child(spi_in, now)

    def delete_child(self, spi_in: int, now: float) -> None:
        self.keeper.remove(spi_in, "deleted by this gateway", now, tell=True)
        self.quick.pair_deleted(spi_in, now)
        self.leave_if_empty()

    def close(self, now: float, reason: str) -> None:
        core = self.core
        if core.state is State.CLOSED:
            return
        if core.state in _HALF_OPEN:
            self._fail(Unfit(reason), now)
            return
        self.quick.abort(session_gone(reason), now)
        if self.keeps_pairs:
            self.keeper.remove_all(reason, tell=True)
        self.end(reason, tell=True)

    def update_connection(self, connection: Connection, now: float) -> None:
        core = self.core
        core.candidates = tuple(
            connection if each.name == connection.name else each for each in core.candidates
        )
        core.connection = connection
        renewed = {child.policy_id: child for child in connection.children}
        for pair in core.children:
            pair.child = renewed.get(pair.child.policy_id, pair.child)
        successor = self.relatives.successor
        if successor is not None and not successor.closed:
            successor.update_connection(connection, now)

    # --- what the peer tells (tasks.inbox.Listener) --------------------------------------------

    def peer_lives(self, now: float) -> None:
        core = self.core
        core.last_heard = now
        self._dpd.heard()
        datagram = self._received
        if datagram is None or not core.path.follows_peer or not core.usable:
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
        for session in (self, *self.relatives.all()):
            pair = session.core.children.by_outbound(spi_out)
            if pair is not None and session.keeps_pairs:
                session.keeper.remove(pair.sa.spi_in, "deleted by the peer", now, tell=False)
                session.quick.pair_deleted(pair.sa.spi_in, now)
                session.leave_if_empty()
                self.relatives.look_at(session)
                return

    def main_mode_deleted(self, cookies: bytes, now: float) -> None:
        for session in (self, *self.relatives.all()):
            if session.core.cookies == cookies and session.established:
                session.expire("deleted by the peer", now, tell=False)
                self.relatives.look_at(session)

    def peer_restarted(self, now: float) -> None:
        reason = "the peer started anew (INITIAL_CONTACT)"
        for session in self.relatives.all():
            if session.core.state in _HALF_OPEN or session.schedule.since > self._main.began:
                continue  # younger than what the peer speaks of
            session.quick.abort(session_gone(reason), now)
            if session.keeps_pairs:
                session.keeper.remove_all(reason, tell=False)
            session.end(reason, tell=False)
            self.relatives.look_at(session)

    # --- main mode ---------------------------------------------------------------------------

    def _after_main_mode(self, now: float) -> None:
        """See to what main mode has come to."""
        if self._main.failure is not None and self.core.state is not State.CLOSED:
            self._fail(self._main.failure, now)
        elif self.core.state is State.ESTABLISHED and not self.schedule.running:
            self._established(now)

    def _established(self, now: float) -> None:
        core = self.core
        self.schedule.begin(core, now)
        rekeyed = self.relatives.predecessor is not None
        core.emit(views.established(core, rekeyed=rekeyed))
        if self._main.initial_contact:
            self.peer_restarted(now)
        self.relatives.take_over(now)
        wanted, self._wanted = self._wanted, {}
        for each in wanted.values():
            self.want(each, now)

    def _fail(self, error: ExchangeError, now: float) -> None:
        """Main mode cannot succeed."""
        core = self.core
        if isinstance(error, WrongIdentity) and error.notify is not None:
            self._informational.send((notify.about_main_mode(core, error.notify),))
            if core.is_initiator:  # the responder takes the SA for established
                self._informational.send((delete.main_mode_sa(core),))
        first_time = tuple(each.child for each in self._wanted.values() if each.replaces is None)
        core.report("main mode", error, first_time)
        self._wanted.clear()
        core.advance(Event.ENDED)
        predecessor = self.relatives.predecessor
        self.relatives.predecessor = None
        if predecessor is not None:
            predecessor.successor_failed(error, now)
            self.relatives.look_at(predecessor)

    # --- quick mode --------------------------------------------------------------------------

    def _receive_quick_mode(self, message: Message, datagram: Datagram, now: float) -> None:
        core = self.core
        if not core.usable or not message.encrypted:
            core.drop("quick_mode_without_main_mode", core.state.value)
            return
        if self.quick.receive(message, datagram.payload, now):
            self.peer_lives(now)
        self._leave_if_overdrawn(now)

    def _leave_if_overdrawn(self, now: float) -> None:
        """A peer that does not know our limit begins with main mode again when this SA is gone."""
        if self.quick.overdrawn and self.quick.idle and self.core.state is State.ESTABLISHED:
            self.expire("its quick modes are used up", now, tell=True)

    def want(self, wanted: Terms, now: float) -> None:
        """Negotiate this, on whichever main mode SA can."""
        match self.core.state:
            case State.ESTABLISHED:
                if self.quick.under_way(wanted):
                    return
                if self.quick.exhausted:
                    self.relatives.renew((wanted,), now)
                else:
                    self.quick.begin(wanted, now)
            case State.REPLACED | State.EXPIRED:
                self.relatives.renew((wanted,), now)
            case State.CLOSED:
                self.core.report("quick mode", session_gone("it was closed"), (wanted.child,))
            case _:
                self._wanted.setdefault(wanted.traffic, wanted)

    def _renew_pair(self, pair: QuickModeSa, now: float) -> None:
        local, remote = pair.sa.local[0], pair.sa.remote[0]
        wanted = Terms(pair.child, local, remote, pair.sa.spi_in)
        if self.quick.under_way(wanted):
            pair.rekey_at = now + self.core.context.timing.retry_delay
            return
        pair.state = ChildState.REKEYING
        self.want(wanted, now)

    def _doubt_peer(self, now: float) -> None:
        """A quick mode got no answer: is it the quick mode, or the peer?"""
        if self._dpd.enabled:
            self._dpd.ask(now)
        elif self.core.state is State.ESTABLISHED and self.quick.idle:
            # Without RFC 3706 there is no way to ask: the next try begins with main mode.
            self.expire("the peer did not answer quick mode", now, tell=True)

    # --- renewal -----------------------------------------------------------------------------

    @property
    def keeps_pairs(self) -> bool:
        """Whether the table of pairs is this session's to look after."""
        return self.core.state in (State.ESTABLISHED, State.EXPIRED)

    def make_successor(self, now: float) -> IkeV1Session:
        """A new main mode with the same peer, along the same way."""
        core = self.core
        return IkeV1Session.initiator(
            core.connection, core.context, core.path.local, core.path.remote, now
        )

    def superseded(self, now: float) -> None:
        """A successor has taken over the pairs."""
        core = self.core
        if core.state is State.ESTABLISHED:
            core.advance(Event.SUPERSEDED)
            self.schedule.leave_at(now + core.context.timing.rekey_overlap)
            for each in self.quick.take_waiting():
                self.want(each, now)
        elif core.state is State.EXPIRED:
            core.advance(Event.ENDED)

    def successor_failed(self, error: ExchangeError, now: float) -> None:
        core = self.core
        for pair in core.children:
            self.keeper.rekey_failed(pair.sa.spi_in, now)
        if core.state is not State.EXPIRED:
            self.schedule.renew_again(now + core.context.timing.retry_delay)
        elif error.fault is Fault.TIMEOUT and self._dpd.enabled:
            self._peer_is_silent()
        elif self._dpd.enabled:
            self.schedule.renew_again(now + core.connection.dpd_delay)

    def _handle_schedule(self, now: float) -> None:
        core, schedule = self.core, self.schedule
        if core.usable and schedule.expired(now):
            reason = (
                "replaced by a newer main mode SA"
                if core.state is State.REPLACED
                else "its lifetime is over"
            )
            busy = not (self.quick.idle and self._informational.idle)
            if core.state is State.REPLACED and busy:
                schedule.leave_at(now + core.context.timing.rekey_overlap)
                return
            self.expire(reason, now, tell=True)
        elif schedule.rekey_at is not None and now >= schedule.rekey_at:
            schedule.rekey_at = None
            if self.relatives.worth_renewing():
                self.relatives.renew((), now)

    # --- the end -----------------------------------------------------------------------------

    def expire(self, reason: str, now: float, *, tell: bool) -> None:
        """The main mode SA is gone; its pairs are not."""
        core = self.core
        kept_pairs = self.keeps_pairs
        self.quick.abort(session_gone(reason), now)
        if tell:
            self._informational.send((delete.main_mode_sa(core),))
        core.advance(Event.EXPIRED)
        self.schedule.stop()
        core.emit(views.closed(core, reason))
        if not kept_pairs:
            core.advance(Event.ENDED)
            successor = self.relatives.successor
            if successor is not None and not successor.closed:
                self.relatives.look_at(successor)
            return
        if not self.relatives.bequeath() and self._dpd.enabled:
            self.schedule.renew_again(now + core.connection.dpd_delay)
        self.leave_if_empty()

    def _peer_is_silent(self) -> None:
        core = self.core
        core.emit(PeerSilent(core.connection.name, str(core.path.remote)))
        reason = "the peer is silent"
        self.quick.abort(session_gone(reason), core.last_heard)
        self.keeper.remove_all(reason, tell=False)
        self.end(reason, tell=False)

    def leave_if_empty(self) -> None:
        """An expired session stays for its pairs alone."""
        if self.core.state is State.EXPIRED and not len(self.core.children):
            self.core.advance(Event.ENDED)

    def end(self, reason: str, *, tell: bool) -> None:
        core = self.core
        if core.usable:
            if tell:
                self._informational.send((delete.main_mode_sa(core),))
            core.emit(views.closed(core, reason))
        core.advance(Event.ENDED)


def _new_cookie(context: Context) -> bytes:
    """Eight unpredictable octets, not zero (RFC 2408 section 2.5.3)."""
    while True:
        cookie = context.random(SPI_LENGTH)
        if cookie != NO_SPI:
            return cookie
