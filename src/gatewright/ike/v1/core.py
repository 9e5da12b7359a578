"""What the tasks of one main mode SA share: who the two sides are, and where outputs go."""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_

from gatewright.iana.ikev1 import ExchangeType, NotifyType, ProtocolId
from gatewright.ike.child_index import ChildIndex
from gatewright.ike.machine import Context, Datagram
from gatewright.ike.outputs import MessageDropped, NegotiationFailed, Output, Transmit
from gatewright.ike.v1.children import ChildTable
from gatewright.ike.v1.errors import ExchangeError
from gatewright.ike.v1.path import Path
from gatewright.ike.v1.peer import Peer
from gatewright.ike.v1.phase_one import PhaseOneChoice
from gatewright.ike.v1.protection import Protection
from gatewright.ike.v1.states import TRANSITIONS, Event, State, advance
from gatewright.policy.compiled import Child, Connection
from gatewright.wire.isakmp import NO_SPI
from gatewright.wire.v1.message import emit_chain, emit_message
from gatewright.wire.v1.payload import Payload
from gatewright.wire.v1.payloads.notify import NotifyPayload

_MESSAGE_ID_OCTETS = 4


class Served:
    """The children of some connections, found without looking at each of them.

    ``owners``: the first connection that has a child, by the child's policy.
    """

    def __init__(self, connections: Sequence[Connection]) -> None:
        self._connections = connections
        self.index = ChildIndex([child for each in connections for child in each.children])
        self.owners: dict[int, Connection] = {}
        for each in connections:
            for child in each.children:
                self.owners.setdefault(child.policy_id, each)

    def of(self, connections: Sequence[Connection]) -> bool:
        """Whether these are still the ones."""
        return len(connections) == len(self._connections) and all(
            map(is_, connections, self._connections)
        )


class Core:
    """One main mode SA.

    ``candidates`` are the connections that the peer can turn out to be, ``connection`` the one
    that it is, as far as known.  ``protection`` and ``choice`` come with main mode's progress.
    """

    def __init__(
        self,
        candidates: Sequence[Connection],
        context: Context,
        path: Path,
        cookie_i: bytes,
        cookie_r: bytes,
        *,
        is_initiator: bool,
    ) -> None:
        self.candidates = tuple(candidates)
        self.connection = candidates[0]
        self.context = context
        self.path = path
        self.cookie_i = cookie_i
        self.cookie_r = cookie_r
        self.is_initiator = is_initiator
        self.state = State.IDLE
        self.peer = Peer()
        self.peer_identity = ""
        self.choice: PhaseOneChoice | None = None
        self.protection: Protection | None = None
        self.last_heard = 0.0
        self.children = ChildTable()
        self._served: Served | None = None
        self._outputs: list[Output] = []

    # --- identity ----------------------------------------------------------------------------

    @property
    def own_cookie(self) -> bytes:
        return self.cookie_i if self.is_initiator else self.cookie_r

    @property
    def peer_cookie(self) -> bytes:
        return self.cookie_r if self.is_initiator else self.cookie_i

    @property
    def cookies(self) -> bytes:
        """How notifies and deletes name this SA (RFC 2407 section 4.6.3)."""
        return self.cookie_i + self.cookie_r

    @property
    def usable(self) -> bool:
        """Whether phase 2 exchanges can run on it."""
        return self.state in (State.ESTABLISHED, State.REPLACED)

    @property
    def secured(self) -> Protection:
        """The protection of an SA that has got so far."""
        assert self.protection is not None
        return self.protection

    def advance(self, event: Event) -> None:
        self.state = advance(TRANSITIONS, self.state, event)

    def new_message_id(self) -> int:
        """Not zero, which is main mode's."""
        while True:
            message_id = int.from_bytes(self.context.random(_MESSAGE_ID_OCTETS), "big")
            if message_id:
                return message_id

    def served(self) -> list[Connection]:
        """The connection, and the others of the policy with the same, authenticated peer."""
        own = self.connection
        found = self.context.connections_between(own.local, own.remote) or self.candidates
        return [own] + [
            other
            for other in found
            if other.name != own.name
            and other.version is own.version
            and self.has_peer_of(other)
            and self.allows_choice(other)
        ]

    def has_peer_of(self, other: Connection) -> bool:
        """Whether another connection is with the same, authenticated peer."""
        own = self.connection
        return (
            other.authentication == own.authentication
            and other.remote_identity == own.remote_identity
        )

    def allows_choice(self, other: Connection) -> bool:
        """Whether a connection's policy has the algorithms that main mode has agreed on."""
        return self.choice is None or self.choice.proposal in other.proposals

    def connection_of(self, child: Child) -> Connection:
        """The connection that a child belongs to."""
        return self._children_served().owners.get(child.policy_id, self.connection)

    def selectable(self) -> ChildIndex:
        """The children that the peer can ask for: those of the connection come first."""
        return self._children_served().index

    def _children_served(self) -> Served:
        connections = self.served()
        if self._served is None or not self._served.of(connections):
            self._served = Served(connections)
        return self._served

    # --- outputs -----------------------------------------------------------------------------

    def emit(self, output: Output) -> None:
        self._outputs.append(output)

    def take_outputs(self) -> list[Output]:
        outputs, self._outputs = self._outputs, []
        return outputs

    def transmit(self, octets: bytes) -> None:
        self.emit(Transmit(Datagram(self.path.local, self.path.remote, octets)))

    def drop(self, reason: str, detail: str = "") -> None:
        self.emit(MessageDropped(reason, str(self.path.remote), detail))

    def report(
        self,
        mode: str,
        error: ExchangeError,
        children: Sequence[Child] = (),
        *,
        packets_wait: bool = True,
    ) -> None:
        """Tell the administrator why a negotiation failed.

        ``packets_wait``: those that wait for these children can be given up.
        """
        self.emit(
            NegotiationFailed(
                tunnel=self.connection_of(children[0]).name if children else self.connection.name,
                mode=mode,
                fault=error.fault,
                explanation=error.explanation,
                differences=error.differences,
                notify=error.notify_name,
                child=children[0].name if children else "",
                policy_ids=tuple(child.policy_id for child in children) if packets_wait else (),
                remote=str(self.path.remote),
                by_stranger=not (self.is_initiator or self.usable),
            )
        )

    def notify_in_clear(self, notify: NotifyType) -> None:
        """An error notify before keys exist; the peer can only take it as a hint."""
        payload = NotifyPayload(notify, ProtocolId.ISAKMP, self.cookies)
        self.transmit(
            emit_message(
                self.cookie_i,
                self.cookie_r,
                ExchangeType.INFORMATIONAL,
                self.new_message_id(),
                payload.number,
                emit_chain((payload,)),
            )
        )

    def main_mode_message(self, payloads: Sequence[Payload], *, encrypted: bool = False) -> bytes:
        """Main mode's next message, sent."""
        body = emit_chain(payloads)
        if encrypted:
            body = self.secured.main.seal(body)
        octets = emit_message(
            self.cookie_i,
            self.cookie_r or NO_SPI,
            ExchangeType.IDENTITY_PROTECTION,
            0,
            payloads[0].number,
            body,
            encrypted=encrypted,
        )
        self.transmit(octets)
        return octets
