"""One IKEv2 SA as a session of the endpoint: constructors, commands, timers, and what can be seen.

What is said in messages stands in ``tasks``, how messages travel in `gatewright.ike.v2.exchanges`,
which states there are in `gatewright.ike.v2.states`.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatewright.ike.machine import IKE_PORT, Address, Context, Datagram
from gatewright.ike.outputs import (
    AdoptSession,
    Fault,
    IkeSaSnapshot,
    Output,
    PeerSilent,
    SendNatKeepalive,
)
from gatewright.ike.v2.children import ChildEntry, ChildState, has_expired, lesser, needs_rekey
from gatewright.ike.v2.errors import ExchangeError
from gatewright.ike.v2.exchanges import Exchanges
from gatewright.ike.v2.path import Path
from gatewright.ike.v2.rivals import carried_elsewhere, superfluous
from gatewright.ike.v2.sa import Handshake, IkeSa, Timer
from gatewright.ike.v2.states import Event, State
from gatewright.ike.v2.tasks.auth import preshared_key
from gatewright.ike.v2.tasks.child_create import CreateChild
from gatewright.ike.v2.tasks.delete import DeleteChild, DeleteIke, DeleteSpi
from gatewright.ike.v2.tasks.init import Initiate
from gatewright.ike.v2.tasks.liveness import CheckLiveness
from gatewright.ike.v2.tasks.rekey_child import RekeyChild
from gatewright.ike.v2.tasks.rekey_ike import RekeyIke
from gatewright.ike.v2.tasks.task import Purpose, Subject
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Child, Connection
from gatewright.wire.isakmp import NO_SPI, SPI_LENGTH, Header


class NoAnswer(ExchangeError):
    """All retransmissions of a request were in vain."""

    fault = Fault.TIMEOUT


_NO_ANSWER = {
    State.INIT_SENT: (
        "the peer does not answer: see whether its address is right, whether it runs IKEv2, and "
        "whether UDP port 500 is open in both directions"
    ),
    State.AUTH_SENT: (
        "the peer answered the first message and not the second: see whether UDP port 4500 is "
        "open in both directions, and whether large datagrams get through"
    ),
}
_NEVER_AUTHENTICATED = (
    "the peer began a negotiation and did not go on: see whether our answers reach it, and "
    "whether UDP port 4500 is open in both directions"
)
_CLOSING = (State.DELETING, State.REPLACED, State.REFUSED, State.CLOSED)


class IkeSession:
    """Implements `gatewright.ike.machine.Session`."""

    def __init__(self, sa: IkeSa) -> None:
        self._sa = sa
        self._exchanges = Exchanges(sa)

    @classmethod
    def initiator(
        cls,
        connection: Connection,
        context: Context,
        local: Address,
        remote: Address,
        now: float,
    ) -> IkeSession:
        """For `start`."""
        del now
        sa = IkeSa(
            context=context,
            connection=connection,
            path=Path(local, remote),
            is_initiator=True,
            spi_i=_fresh_spi(context),
            spi_r=NO_SPI,
            spawn=cls.successor,
            handshake=Handshake([connection]),
        )
        return cls(sa)

    @classmethod
    def responder(
        cls,
        candidates: Sequence[Connection],
        context: Context,
        first_datagram: Datagram,
        now: float,
    ) -> IkeSession:
        """For an IKE_SA_INIT request that the front accepted, and that `receive` is given next."""
        del now
        sa = IkeSa(
            context=context,
            connection=candidates[0],
            path=Path(first_datagram.local, first_datagram.remote),
            is_initiator=False,
            spi_i=Header.parse(first_datagram.payload).spi_i,
            spi_r=NO_SPI,
            spawn=cls.successor,
            handshake=Handshake(candidates),
        )
        return cls(sa)

    @classmethod
    def successor(cls, sa: IkeSa, now: float) -> IkeSession:
        """For an IKE SA that a rekey made; what its predecessor had to do begins at once."""
        session = cls(sa)
        session._exchanges.proceed(now)
        return session

    # --- what can be seen --------------------------------------------------------------------

    @property
    def spi_i(self) -> bytes:
        return self._sa.spi_i

    @property
    def spi_r(self) -> bytes:
        return self._sa.spi_r

    @property
    def is_initiator(self) -> bool:
        return self._sa.is_initiator

    @property
    def connection(self) -> Connection:
        return self._sa.connection

    @property
    def established(self) -> bool:
        return self._sa.standing and not self._leaving

    @property
    def nat(self) -> str:
        return self._sa.path.nat

    @property
    def closed(self) -> bool:
        return self._sa.state is State.CLOSED

    def snapshot(self, now: float) -> IkeSaSnapshot:
        sa = self._sa
        begun = sa.established_at if sa.established_at is not None else now
        rekey_at, expire_at = sa.timers.get(Timer.REKEY), sa.timers.get(Timer.EXPIRE)
        return IkeSaSnapshot(
            tunnel=sa.connection.name,
            version=2,
            state=sa.state.value,
            initiator=sa.is_initiator,
            local=str(sa.path.local),
            remote=str(sa.path.remote),
            peer_identity=sa.peer_identity,
            algorithms=sa.keyring.algorithms if sa.keyring is not None else "",
            nat=sa.path.nat,
            spi_i=sa.spi_i.hex(),
            spi_r=sa.spi_r.hex(),
            age=now - begun,
            rekey_in=None if rekey_at is None else rekey_at - now,
            expires_in=None if expire_at is None else expire_at - now,
            children=sa.children.snapshot(now),
        )

    @property
    def _leaving(self) -> bool:
        """Whether it is on its way out, if only the window has room for saying so."""
        return self._sa.state in _CLOSING or self._sa.agenda.has(Subject(Purpose.END))

    def take_outputs(self) -> list[Output]:
        outputs = list(self._sa.outputs)
        self._sa.outputs.clear()
        return outputs

    # --- commands ----------------------------------------------------------------------------

    def start(self, now: float) -> None:
        sa = self._sa
        try:
            preshared_key(sa, sa.connection)
        except ExchangeError as error:
            sa.report("IKE SA", error)
            sa.end(error.explanation)
            return
        sa.advance(Event.INIT_REQUESTED)
        self._exchanges.begin(Initiate(sa), now)

    def create_child(
        self,
        child: Child,
        now: float,
        trigger: tuple[TrafficSelector, TrafficSelector] | None = None,
    ) -> None:
        sa = self._sa
        if self._leaving:
            self._begin_anew(child, now, trigger)
            return
        subject = Subject(Purpose.NEW_CHILD, child.policy_id)
        if sa.agenda.has(subject) or (sa.current is not None and sa.current.subject == subject):
            return
        if sa.children.serving(child, trigger) is None:
            sa.agenda.add(CreateChild(child, trigger))
            self._exchanges.proceed(now)

    def _begin_anew(
        self, child: Child, now: float, trigger: tuple[TrafficSelector, TrafficSelector] | None
    ) -> None:
        """This IKE SA is on its way out: the child SA needs another one."""
        sa = self._sa
        local, remote = sa.connection.local, sa.connection.remote
        addresses = (Address(local, IKE_PORT), Address(remote, IKE_PORT))
        other = IkeSession.initiator(sa.connection, sa.context, *addresses, now)
        other.create_child(child, now, trigger)
        other.start(now)
        sa.emit(AdoptSession(other))

    def rekey_child(self, spi_in: int, now: float) -> None:
        entry = self._sa.children.get(spi_in)
        if entry is not None and entry.state is ChildState.INSTALLED:
            self._rekey(entry)
            self._exchanges.proceed(now)

    def child_used_up(self, spi_in: int, now: float) -> None:
        self._sa.children.used_up(spi_in, now, self._sa.context.timing)
        self.rekey_child(spi_in, now)

    def delete_child(self, spi_in: int, now: float) -> None:
        entry = self._sa.children.get(spi_in)
        if entry is not None and entry.standing:
            self._sa.agenda.add(DeleteChild(entry, "deleted by the administrator"))
            self._exchanges.proceed(now)

    def close(self, now: float, reason: str) -> None:
        sa = self._sa
        if sa.state in _CLOSING:
            return
        if sa.established_at is None:
            sa.end(reason)
            return
        sa.agenda.clear()
        sa.timers.clear()
        sa.children.remove_all(reason)
        sa.agenda.add(DeleteIke(reason))
        self._exchanges.proceed(now)

    def update_connection(self, connection: Connection, now: float) -> None:
        sa = self._sa
        sa.connection = connection
        children = {child.policy_id: child for child in connection.children}
        for entry in sa.children:
            entry.child = children.get(entry.child.policy_id, entry.child)
        for task in list(sa.agenda):
            if isinstance(task, CreateChild) and task.child.policy_id not in children:
                sa.agenda.remove(task)
        sa.heard(now)

    # --- inputs ------------------------------------------------------------------------------

    def receive(self, datagram: Datagram, now: float) -> None:
        self._exchanges.receive(datagram, now)
        self._go_on(now)

    def next_timeout(self) -> float | None:
        sa = self._sa
        if sa.state is State.CLOSED:
            return None
        times = (
            self._exchanges.next_timeout(),
            sa.agenda.next_timeout(),
            sa.children.next_timeout(),
            min(sa.timers.values(), default=None),
        )
        return min((time for time in times if time is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        sa = self._sa
        unanswered = self._exchanges.handle_timeout(now)
        if unanswered is not None:
            self._give_up()
        sa.agenda.handle_timeout(now)
        self._handle_children(now)
        for timer in [timer for timer, when in sa.timers.items() if when <= now]:
            sa.timers.pop(timer, None)
            self._handle_timer(timer, now)
        self._go_on(now)

    def _go_on(self, now: float) -> None:
        self._exchanges.proceed(now)
        if self._sa.state is State.ESTABLISHED and superfluous(self._sa):
            self.close(now, "another IKE SA carries its traffic")

    # --- timers ------------------------------------------------------------------------------

    def _give_up(self) -> None:
        """No answer to any retransmission (RFC 7296 section 2.4)."""
        sa = self._sa
        if sa.state in _NO_ANSWER:
            sa.report("IKE SA", NoAnswer(_NO_ANSWER[sa.state]))
            sa.end("no answer")
        elif sa.state in (State.DELETING, State.REPLACED):
            sa.end("deleted; the peer did not confirm it")
        elif sa.state is not State.CLOSED:
            sa.emit(PeerSilent(sa.connection.name, str(sa.path.remote)))
            sa.end("the peer is silent")

    def _handle_children(self, now: float) -> None:
        sa = self._sa
        due = sa.children.due(now)
        for entry in due:
            if has_expired(entry, now):
                sa.children.deleted(entry, now, "its lifetime ended", 0.0)
                sa.agenda.add(DeleteSpi(entry.spi_in))
        for entry in due:
            if needs_rekey(entry, now):
                self._renew(entry, now)
        sa.children.remove_lingering(due, now)
        sa.children.activate_settled(due, now)

    def _renew(self, entry: ChildEntry, now: float) -> None:
        """Most of its lifetime is over: rekey it, unless another SA carries its traffic."""
        twin = self._sa.children.twin(entry)
        superfluous_one = lesser(entry, twin) if twin is not None else None
        if superfluous_one is None and carried_elsewhere(self._sa, entry, now):
            superfluous_one = entry
        if superfluous_one is not None:
            superfluous_one.rekey_at = None
            self._sa.agenda.add(DeleteChild(superfluous_one, "another SA carries its traffic"))
        if superfluous_one is not entry:
            self._rekey(entry)

    def _rekey(self, entry: ChildEntry) -> None:
        entry.rekey_at = None
        task = RekeyChild(entry)
        if not self._sa.agenda.has(task.subject):
            self._sa.agenda.add(task)

    def _handle_timer(self, timer: Timer, now: float) -> None:
        sa = self._sa
        match timer:
            case Timer.HALF_OPEN:
                if sa.state is State.HALF_OPEN:
                    sa.report("IKE SA", NoAnswer(_NEVER_AUTHENTICATED), waiting=False)
                sa.end("never authenticated")
            case Timer.REKEY:
                sa.agenda.add(RekeyIke())
            case Timer.EXPIRE:
                self.close(now, "the lifetime of the IKE SA ended")
            case Timer.LIVENESS:
                if sa.current is None:
                    sa.agenda.add(CheckLiveness())
            case Timer.NAT_KEEPALIVE:
                sa.emit(SendNatKeepalive(Datagram(sa.path.local, sa.path.remote, b"")))
                sa.timers[Timer.NAT_KEEPALIVE] = now + sa.context.timing.nat_keepalive
            case Timer.REPLACED:
                sa.agenda.add_first(DeleteIke("rekeyed"))


def _fresh_spi(context: Context) -> bytes:
    while True:
        spi = context.random(SPI_LENGTH)
        if spi != NO_SPI:
            return spi
