"""The IKE endpoint of a gateway: which datagram belongs to which session, and which SA is wanted.

Sans-IO, by the convention of `gatewright.ike.machine`.  The life of a datagram here:

1. `receive` parses the header and looks for the session by our own SPI (``table.SessionTable``);
2. a first message has none: the version's stateless front judges it (cookie, refusal, or accept),
   after the half-open limits were asked;
3. the session takes it; its outputs are looked at on their way out (`_collect`), since what the
   endpoint keeps (which SPI is whose, what failed, what is wanted) follows from them alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from gatewright.ike.demand import Demand, Trigger, Wish
from gatewright.ike.dialects import DIALECTS, Dialect
from gatewright.ike.limits import PER_ADDRESS, PER_TUNNEL, CookieSecrets, HalfOpen, Limits
from gatewright.ike.machine import (
    IKE_PORT,
    Address,
    Context,
    Datagram,
    RandomSource,
    SecretSource,
    Session,
    Timing,
)
from gatewright.ike.outputs import (
    AdoptSession,
    ChildSaClosed,
    ChildSaEstablished,
    CloseOtherSessions,
    DeleteChildSa,
    IkeSaClosed,
    IkeSaEstablished,
    IkeSaSnapshot,
    InstallChildSa,
    MessageDropped,
    NegotiationFailed,
    Output,
    PeerSilent,
    Transmit,
    UpdateTransport,
)
from gatewright.ike.pad import Pad, same_ike_settings
from gatewright.ike.spis import SpiAllocator
from gatewright.ike.table import SessionTable
from gatewright.ike.timers import TimerQueue
from gatewright.ike.turns import Turns
from gatewright.ike.verdicts import Accept, Refuse, Reply
from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.compiled import Child, Connection, IkeVersion, StartMode
from gatewright.wire.codec import Malformed
from gatewright.wire.isakmp import NO_SPI, Header

_COUNTED: Mapping[type[Output], str] = {
    IkeSaEstablished: "ike_sas_established",
    ChildSaEstablished: "child_sas_established",
    NegotiationFailed: "negotiations_failed",
    PeerSilent: "peers_silent",
}


class Endpoint:
    """All IKE SAs of one gateway, of both versions."""

    def __init__(
        self,
        random: RandomSource,
        secrets: SecretSource,
        timing: Timing | None = None,
        limits: Limits | None = None,
        *,
        export_keys: bool = False,
        dialects: Mapping[IkeVersion, Dialect] = DIALECTS,
    ) -> None:
        self._timing = timing or Timing()
        self._limits = limits or Limits()
        self._dialects = dialects
        self._spis = SpiAllocator(random)
        self._sessions = SessionTable()
        self._context = Context(
            random,
            secrets,
            self._timing,
            self._spis.allocate,
            export_keys,
            self._connections_between,
            self._sessions_between,
        )
        self._cookies = CookieSecrets(random, self._limits)
        self._half_open = HalfOpen(self._limits)
        self._demand = Demand(self._timing.retry_delay)
        self._turns = Turns()
        self._timers: TimerQueue[Session] = TimerQueue()
        self._pad = Pad()
        self._held_down: set[str] = set()
        self._outputs: list[Output] = []
        self._counters: Counter[str] = Counter()

    # --- the network -------------------------------------------------------------------------

    def receive(self, datagram: Datagram, now: float) -> None:
        """One IKE message from the network."""
        try:
            header = Header.parse(datagram.payload)
        except Malformed as error:
            self._drop(error.reason, datagram, error.detail)
            return
        session = self._sessions.find(header, datagram.remote)
        if session is not None:
            if header.spi_r != NO_SPI:
                self._sessions.hears_us(session)
            session.receive(datagram, now)
            self._collect(session, now)
        elif header.spi_r == NO_SPI:
            self._receive_first(header, datagram, now)
        else:
            self._drop("unknown_ike_spi", datagram, f"{header.spi_i.hex()}/{header.spi_r.hex()}")

    def _receive_first(self, header: Header, datagram: Datagram, now: float) -> None:
        version = IkeVersion.V1 if header.major == 1 else IkeVersion.V2
        dialect = self._dialects[version]
        candidates = self._pad.between(version, datagram.local.ip, datagram.remote.ip)
        under_pressure = self._half_open.total >= self._limits.cookie_threshold
        verdict = dialect.judge(
            datagram, candidates, self._cookies.current(now), under_pressure=under_pressure
        )
        match verdict:
            case Refuse(reason, detail):
                self._drop(reason, datagram, detail)
            case Reply(payload, reason, failure):
                self._counters[reason] += 1
                reply = Datagram(datagram.local, datagram.remote, payload)
                self._outputs.append(Transmit(reply))
                if failure is not None:
                    self._outputs.append(failure)
            case Accept(accepted) if self._make_room(datagram, now):
                session = dialect.respond(accepted, self._context, datagram, now)
                self._sessions.add_responder(session, datagram.remote)
                self._half_open.add(datagram.remote.ip)
                session.receive(datagram, now)
                self._collect(session, now)
            case Accept():
                pass  # dropped for want of room

    def _make_room(self, datagram: Datagram, now: float) -> bool:
        """Whether one more half-open session fits.

        Where the limit is reached, the oldest gives way that has not shown yet that it gets what
        we send: else a few first messages a second, sent with the address of a peer, would keep
        that peer out.  (IKEv1 has no cookies to tell the two apart beforehand.)
        """
        refusal = self._half_open.refusal(datagram.remote.ip)
        if refusal is None:
            return True
        address = datagram.remote.ip if refusal == PER_ADDRESS else None
        oldest = self._sessions.oldest_unproved(address)
        if oldest is None:
            self._drop(refusal, datagram)
            return False
        self._counters["half_open_displaced"] += 1
        self._forget(oldest, now)
        return True

    # --- time --------------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        machines = (self._timers, self._demand, self._turns)
        times = (machine.next_timeout() for machine in machines)
        return min((time for time in times if time is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        while (session := self._timers.pop_due(now)) is not None:
            session.handle_timeout(now)
            self._collect(session, now)
        for wish in self._demand.take_due(now):
            self._negotiate_unless_met(wish, now)
        while (turn := self._turns.next_wish()) is not None:
            self._negotiate_unless_met(turn, now)

    # --- what is wanted ----------------------------------------------------------------------

    def set_connections(self, connections: Sequence[Connection], now: float) -> None:
        """The PAD of a newly assigned policy.  Only what differs is disturbed.

        A connection whose IKE settings changed is negotiated anew; where children changed, their
        SAs alone go.
        """
        replaced, self._pad = self._pad, Pad(connections)
        self._held_down.clear()
        self._turns.forget_unless(partial(self._pad.keeps_child, replaced))
        self._forget_strangers(replaced, now)
        for old in replaced:
            if not self._pad.keeps(old):
                self._close_tunnel(old, now, "the policy was changed")
            elif old != (new := self._pad[old.name]):
                self._replace_children(old, new, now)
        for connection in self._pad:
            self._start_always(connection, now)

    def acquire(self, policy_id: int, trigger: Trigger | None, now: float) -> None:
        """Traffic wants the child SA of this SPD entry."""
        found = self._pad.child(policy_id)
        if found is not None:
            self._held_down.discard(found[0].name)
        wish = self._demand.want(policy_id, trigger, now)
        if wish is not None:
            self._negotiate(wish, now)

    def up(self, tunnel: str, now: float) -> None:
        """Bring up each child of a tunnel at once; raises KeyError for an unknown tunnel."""
        connection = self._pad[tunnel]
        self._held_down.discard(tunnel)
        for child in connection.children:
            if not self._sessions.of_policy(child.policy_id):
                self._demand.forget(child.policy_id)
                self._negotiate(Wish(child.policy_id, None, now, urgent=True), now)

    def down(self, tunnel: str, now: float) -> None:
        """Take a tunnel down; traffic or ``up`` brings it up again.  KeyError when unknown."""
        connection = self._pad[tunnel]
        self._held_down.add(tunnel)
        self._close_tunnel(connection, now, "taken down by the administrator")
        for child in connection.children:
            self._demand.forget(child.policy_id)
            self._turns.forget(child.policy_id)

    def shutdown(self, now: float) -> None:
        """Tell every peer that its SAs are gone."""
        for connection in self._pad:
            self._close_tunnel(connection, now, "the gateway is stopping")
        self._pad = Pad()

    # --- news from the data plane ------------------------------------------------------------

    def child_expiring(self, spi_in: int, hard: bool, now: float) -> None:
        """A byte or sequence number limit is near, or reached (``hard``)."""
        session = self._sessions.owner(spi_in)
        if session is None:
            return
        if hard:
            session.child_used_up(spi_in, now)
        else:
            session.rekey_child(spi_in, now)
        self._collect(session, now)

    def child_not_installed(self, spi_in: int, now: float) -> None:
        """The data plane refused it: the peer must not go on using it."""
        session = self._sessions.owner(spi_in)
        if session is not None:
            session.delete_child(spi_in, now)
            self._collect(session, now)

    def peer_moved(self, spi_in: int, remote: Address) -> None:
        """Authentic ESP came from a new address: a NAT rebinding (RFC 7296 section 2.23).

        Followed for that SA at once; the session learns its own new address from the next
        authentic message.  Only a peer behind a NAT moves, and whoever is behind one itself does
        not follow: somebody on the way could divert the tunnel with one packet that he holds back
        and sends on from elsewhere.
        """
        session = self._sessions.owner(spi_in)
        if session is None:
            return
        if session.nat == "remote":
            self._outputs.append(UpdateTransport(spi_in, str(remote.ip), remote.port))
        else:
            self._counters["peer_move_not_followed"] += 1

    # --- what can be seen --------------------------------------------------------------------

    def take_outputs(self) -> list[Output]:
        outputs, self._outputs = self._outputs, []
        return outputs

    def snapshot(self, now: float) -> tuple[IkeSaSnapshot, ...]:
        return tuple(session.snapshot(now) for session in self._sessions)

    def counters(self) -> Mapping[str, int]:
        return {
            **self._counters,
            "sessions": len(self._sessions),
            "half_open": self._half_open.total,
            "waiting_for_a_turn": len(self._turns),
        }

    # --- inside ------------------------------------------------------------------------------

    def _negotiate(self, wish: Wish, now: float) -> None:
        found = self._pad.child(wish.policy_id)
        if found is None:
            return
        connection, child = found
        # One under older settings is being closed, and must not bring them back.
        session = self._sessions.best(
            connection.name, lambda each: same_ike_settings(each.connection, connection)
        )
        if session is None and not self._turns.free(connection.remote, urgent=wish.urgent):
            self._turns.wait(wish, connection.remote)
            return
        self._turns.forget(wish.policy_id)
        if session is None:
            local = Address(connection.local, IKE_PORT)
            remote = Address(connection.remote, IKE_PORT)
            dialect = self._dialects[connection.version]
            session = dialect.initiate(connection, self._context, local, remote, now)
            self._sessions.add_initiator(session)
            self._turns.begins(session, connection.remote)
            session.create_child(child, now, wish.trigger)
            session.start(now)
        else:
            session.create_child(child, now, wish.trigger)
        self._collect(session, now)

    def _connections_between(self, local: IPAddress, remote: IPAddress) -> list[Connection]:
        return [
            connection
            for version in IkeVersion
            for connection in self._pad.between(version, local, remote)
        ]

    def _sessions_between(self, local: IPAddress, remote: IPAddress) -> list[Session]:
        """Those that may have child SAs of any tunnel between these addresses."""
        return [
            session
            for connection in self._connections_between(local, remote)
            for session in self._sessions.of_tunnel(connection.name)
        ]

    def _negotiate_unless_met(self, wish: Wish, now: float) -> None:
        """What was wanted for no packet may be there again (a rekey, the peer)."""
        if wish.trigger is not None or not self._sessions.of_policy(wish.policy_id):
            self._negotiate(wish, now)

    def _start_always(self, connection: Connection, now: float) -> None:
        for child in connection.children:
            wanted = child.start is StartMode.ALWAYS
            if wanted and not self._sessions.of_policy(child.policy_id):
                self._negotiate(Wish(child.policy_id, None, now), now)

    def _forget_strangers(self, replaced: Pad, now: float) -> None:
        """A half-open SA can become any connection that was there when it began, and must not
        become one that is gone."""
        for session in self._sessions.half_open():
            side = session.connection
            candidates = replaced.between(side.version, side.local, side.remote)
            if not all(self._pad.keeps(each) for each in candidates):
                session.close(now, "the policy was changed")
                self._collect(session, now)

    def _replace_children(self, old: Connection, new: Connection, now: float) -> None:
        kept = set(new.children)
        gone = {child.policy_id for child in old.children if child not in kept}
        self._delete_children(gone, now)
        for session in self._sessions.of_tunnel(old.name):
            session.update_connection(new, now)
            self._collect(session, now)

    def _delete_children(self, policies: Iterable[int], now: float) -> None:
        spis = [spi_in for policy_id in policies for spi_in in self._sessions.of_policy(policy_id)]
        for spi_in in spis:
            session = self._sessions.owner(spi_in)
            if session is not None:
                session.delete_child(spi_in, now)
                self._collect(session, now)

    def _close_tunnel(self, connection: Connection, now: float, reason: str) -> None:
        for session in self._sessions.of_tunnel(connection.name):
            session.close(now, reason)
            self._collect(session, now)
        self._delete_children((child.policy_id for child in connection.children), now)

    def _drop(self, reason: str, datagram: Datagram, detail: str = "") -> None:
        self._counters[reason] += 1
        self._outputs.append(MessageDropped(reason, str(datagram.remote), detail))

    # --- a session's outputs on their way out ------------------------------------------------

    def _collect(self, session: Session, now: float) -> None:
        unwanted: list[int] = []
        for output in session.take_outputs():
            self._note(session, output, now)
            if not isinstance(output, AdoptSession | CloseOtherSessions):
                self._outputs.append(output)
            if isinstance(output, InstallChildSa) and not self._pad.child(output.sa.policy_id):
                unwanted.append(output.sa.spi_in)
        self._settle(session, now)
        if unwanted:  # begun under a policy that has been replaced meanwhile
            for spi_in in unwanted:
                session.delete_child(spi_in, now)
            self._collect(session, now)

    def _settle(self, session: Session, now: float) -> None:
        """Bring the tables in line with what the session has become."""
        was_half_open = self._sessions.is_half_open(session)
        if session.established or session.closed:
            self._end_half_open(session)
            self._turns.over(session, now)
        if was_half_open and session.established:
            self._close_surplus(session.connection.name, now)
        if session.closed:
            self._forget(session, now)
        else:
            self._sessions.index(session)
            self._timers.set(session, session.next_timeout())

    def _close_surplus(self, tunnel: str, now: float) -> None:
        """An authenticated peer made one more IKE SA: the oldest of too many goes."""
        made = [
            each
            for each in self._sessions.of_tunnel(tunnel)
            if each.established and not each.is_initiator
        ]
        for oldest in made[: max(0, len(made) - self._limits.per_tunnel)]:
            self._counters[PER_TUNNEL] += 1
            oldest.close(now, "the peer has made too many IKE SAs beside it")
            self._collect(oldest, now)

    def _end_half_open(self, session: Session) -> None:
        address = self._sessions.end_half_open(session)
        if address is not None:
            self._half_open.remove(address)

    def _forget(self, session: Session, now: float) -> None:
        self._end_half_open(session)
        self._turns.over(session, now)
        self._timers.set(session, None)
        self._sessions.remove(session)

    def _note(self, session: Session, output: Output, now: float) -> None:
        counter = _COUNTED.get(type(output))
        if counter is not None:
            self._counters[counter] += 1
        match output:
            case InstallChildSa(sa):
                self._sessions.own(sa.spi_in, session, sa.policy_id)
                self._spis.installed(sa.spi_in)
                self._demand.met(sa.policy_id)
                self._turns.forget(sa.policy_id)
            case DeleteChildSa(spi_in):
                self._sessions.disown(spi_in)
                self._spis.release(spi_in)
            case AdoptSession(successor):
                self._adopt(successor, now)
            case CloseOtherSessions(tunnel):
                self._close_others(session, tunnel, now)
            case NegotiationFailed():
                self._note_failure(output, now)
            case PeerSilent(tunnel):
                connection = self._pad.get(tunnel)
                self._want_again(tunnel, connection.children if connection else (), now)
            case ChildSaClosed(tunnel, name):
                child = self._pad.named(tunnel, name)
                self._want_again(tunnel, (child,) if child else (), now)
            case MessageDropped(reason):
                self._counters[reason] += 1
            case _:
                pass

    def _adopt(self, successor: Session, now: float) -> None:
        self._sessions.add(successor)
        for child in successor.snapshot(now).children:
            self._sessions.own(child.spi_in, successor, child.policy_id)
        self._collect(successor, now)

    def _close_others(self, session: Session, tunnel: str, now: float) -> None:
        reason = "the peer started anew (INITIAL_CONTACT)"
        for other in self._sessions.of_tunnel(tunnel):
            if other is session or not other.established:
                continue
            for child in other.snapshot(now).children:
                spis = (child.spi_in, child.spi_out)
                self._outputs.append(DeleteChildSa(child.spi_in, reason))
                self._outputs.append(ChildSaClosed(tunnel, child.child, *spis, reason))
                self._sessions.disown(child.spi_in)
                self._spis.release(child.spi_in)
            self._outputs.append(IkeSaClosed(tunnel, other.spi_i.hex(), other.spi_r.hex(), reason))
            self._forget(other, now)

    def _note_failure(self, failure: NegotiationFailed, now: float) -> None:
        for policy_id in failure.policy_ids:
            found = self._pad.child(policy_id)
            again = found is not None and found[1].start is StartMode.ALWAYS
            self._demand.failed(policy_id, now, again=again)

    def _want_again(self, tunnel: str, children: Iterable[Child], now: float) -> None:
        """The peer fell silent, or an SA ended: what is always on is tried until it is back."""
        if tunnel in self._held_down:
            return
        for child in children:
            if child.start is StartMode.ALWAYS:
                self._demand.failed(child.policy_id, now, again=True)
