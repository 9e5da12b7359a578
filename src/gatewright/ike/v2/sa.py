"""What the tasks of one IKE SA share: who the peers are, the keys, the child SAs, what is to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from gatewright.crypto.keymat_v2 import IkeKeys
from gatewright.ike.child_index import ChildIndex
from gatewright.ike.machine import Context, Session
from gatewright.ike.outputs import (
    AdoptSession,
    IkeSaClosed,
    IkeSaEstablished,
    KeysDerived,
    NegotiationFailed,
    Output,
)
from gatewright.ike.v2.agenda import Agenda
from gatewright.ike.v2.children import Children
from gatewright.ike.v2.errors import ExchangeError
from gatewright.ike.v2.keyring import Keyring
from gatewright.ike.v2.lifetimes import soft_limit
from gatewright.ike.v2.path import Path
from gatewright.ike.v2.states import Event, State, advance
from gatewright.ike.v2.tasks.task import Task
from gatewright.policy.compiled import Child, Connection, IkeProposal

NONCE_LENGTH = 32  # at least half the key size of every PRF here (RFC 7296 section 2.10)


class Timer(Enum):
    """What an IKE SA waits for, beside its children and the response to its request."""

    HALF_OPEN = "when to forget an initiator that never authenticated itself"
    REKEY = "when to rekey the IKE SA"
    EXPIRE = "when its lifetime ends"
    LIVENESS = "when to ask whether a silent peer is still there"
    NAT_KEEPALIVE = "when to refresh the mapping of our NAT"
    REPLACED = "when to delete a replaced IKE SA that the peer should have deleted"


@dataclass(slots=True)
class Handshake:
    """What is needed until both sides are authenticated (RFC 7296 section 2.15)."""

    candidates: Sequence[Connection]
    request: bytes = b""  # the IKE_SA_INIT messages, as they were sent
    response: bytes = b""
    nonce_i: bytes = b""
    nonce_r: bytes = b""


@dataclass(frozen=True, slots=True)
class PeerIkeRekey:
    """The peer's rekey of the IKE SA, answered while ours was under way (section 2.8.2)."""

    successor: IkeSa
    session: Session
    lowest_nonce: bytes


@dataclass(slots=True, eq=False)
class IkeSa:
    """One IKE SA.  ``spawn`` makes and starts a session for one that replaces this one."""

    context: Context
    connection: Connection
    path: Path
    is_initiator: bool
    spi_i: bytes
    spi_r: bytes
    spawn: Callable[[IkeSa, float], Session]
    state: State = State.IDLE
    keyring: Keyring | None = None
    handshake: Handshake | None = None
    peer_identity: str = ""
    established_at: float | None = None
    outputs: list[Output] = field(default_factory=list)
    children: Children = field(init=False)
    agenda: Agenda = field(default_factory=Agenda)
    timers: dict[Timer, float] = field(default_factory=dict)
    peer_rekey: PeerIkeRekey | None = None
    current: Task | None = None  # whose request is outstanding
    _selectable: ChildIndex | None = None

    def __post_init__(self) -> None:
        self.children = Children(self.outputs)

    @property
    def selectable(self) -> ChildIndex:
        """The children that a peer can ask for."""
        children = self.connection.children
        if self._selectable is None or self._selectable.children is not children:
            self._selectable = ChildIndex(children)
        return self._selectable

    # --- outputs -----------------------------------------------------------------------------

    def emit(self, output: Output) -> None:
        self.outputs.append(output)

    def report(
        self, mode: str, error: ExchangeError, child: Child | None = None, *, waiting: bool = True
    ) -> None:
        """Tell the administrator why a negotiation failed.

        ``waiting``: packets wait for it, which can be given up.
        """
        children = [child] if child is not None else list(self.connection.children)
        waiting_for = [each for each in children if self.children.serving(each, None) is None]
        self.emit(
            NegotiationFailed(
                tunnel=self.connection.name,
                mode=mode,
                fault=error.fault,
                explanation=error.explanation,
                differences=error.differences,
                notify=error.notify_name,
                child=child.name if child is not None else "",
                policy_ids=tuple(each.policy_id for each in waiting_for) if waiting else (),
                remote=str(self.path.remote),
                by_stranger=not self.is_initiator and self.established_at is None,
            )
        )

    # --- what the tasks do to it --------------------------------------------------------------

    def advance(self, event: Event) -> None:
        self.state = advance(self.state, event)

    @property
    def standing(self) -> bool:
        """Authenticated, and neither replaced nor going."""
        return self.state in (State.ESTABLISHED, State.REKEYING)

    def keys(self) -> Keyring:
        """The keyring of an SA that has one."""
        assert self.keyring is not None
        return self.keyring

    def take_keys(self, proposal: IkeProposal, keys: IkeKeys) -> None:
        self.keyring = Keyring(proposal, keys, is_initiator=self.is_initiator)
        if self.context.export_keys:
            integrity = proposal.integrity.name if proposal.integrity is not None else ""
            self.emit(
                KeysDerived(
                    tunnel=self.connection.name,
                    version=2,
                    spi_i=self.spi_i.hex(),
                    spi_r=self.spi_r.hex(),
                    cipher=proposal.cipher.name,
                    integrity=integrity,
                    sk_ei=keys.sk_ei,
                    sk_er=keys.sk_er,
                    sk_ai=keys.sk_ai,
                    sk_ar=keys.sk_ar,
                )
            )

    def establish(self, now: float, event: Event = Event.AUTHENTICATED) -> None:
        """Both sides are authenticated, or inherit that from the IKE SA that is rekeyed."""
        rekeyed = self.state is State.IDLE
        self.advance(event)
        self.handshake = None
        self.established_at = now
        self.timers.pop(Timer.HALF_OPEN, None)
        lifetime = float(self.connection.lifetime)
        context = self.context
        self.timers[Timer.REKEY] = now + soft_limit(
            lifetime, context.timing.margin(lifetime), context.timing, context.random
        )
        self.timers[Timer.EXPIRE] = now + lifetime
        if self.path.nat_local:
            self.timers[Timer.NAT_KEEPALIVE] = now + context.timing.nat_keepalive
        self.heard(now)
        self.emit(
            IkeSaEstablished(
                tunnel=self.connection.name,
                version=2,
                initiator=self.is_initiator,
                local=str(self.path.local),
                remote=str(self.path.remote),
                peer_identity=self.peer_identity,
                algorithms=self.keys().algorithms,
                spi_i=self.spi_i.hex(),
                spi_r=self.spi_r.hex(),
                rekeyed=rekeyed,
            )
        )

    def heard(self, now: float) -> None:
        """The peer showed that it is alive."""
        if self.standing and self.connection.dpd_delay:
            self.timers[Timer.LIVENESS] = now + self.connection.dpd_delay

    def supersede(self, successor: IkeSa, now: float) -> None:
        """``successor`` takes over: the child SAs and what waits to be done are its own now."""
        self.advance(Event.SUPERSEDED)
        self.children.give_to(successor.children)
        self.agenda.give_to(successor.agenda)
        self.timers.clear()
        self.timers[Timer.REPLACED] = now + self.context.timing.half_open_lifetime

    def yield_to_contender(self, now: float) -> None:
        """The IKE SA of the peer's rekey is the one that stays."""
        assert self.peer_rekey is not None
        contender = self.peer_rekey.successor
        contender.advance(Event.PREVAILED)
        contender.heard(now)
        self.supersede(contender, now)
        self.announce_contender(now)

    def announce_contender(self, now: float) -> None:
        """Its session was taken in before this was decided: let it be looked at again."""
        assert self.peer_rekey is not None
        self.peer_rekey.session.handle_timeout(now)
        self.emit(AdoptSession(self.peer_rekey.session))

    @property
    def contender(self) -> IkeSa | None:
        """The IKE SA of the peer's rekey, while it is open whether it or ours stays."""
        if self.peer_rekey is None or self.peer_rekey.successor.state is not State.CONTESTED:
            return None
        return self.peer_rekey.successor

    def end(self, reason: str) -> None:
        """It is gone, with all child SAs that it still has."""
        if self.state is State.CLOSED:
            return
        if self.peer_rekey is not None and self.contender is not None:
            # Nobody is left to tell which of the two would have stayed.
            self.contender.end(reason)
            self.emit(AdoptSession(self.peer_rekey.session))
        self.advance(Event.ENDED)
        self.timers.clear()
        self.agenda.clear()
        self.children.remove_all(reason)
        if self.established_at is not None:
            spis = (self.spi_i.hex(), self.spi_r.hex())
            self.emit(IkeSaClosed(self.connection.name, *spis, reason))
