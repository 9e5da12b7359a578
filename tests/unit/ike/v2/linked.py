"""Two IKE SAs that belong together, for tests of one task without windows and encryption."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from gatewright.crypto.keymat_v2 import derive_ike_keys
from gatewright.ike.machine import Address, Context, Datagram, ReservedSpi, Session, Timing
from gatewright.ike.outputs import NegotiationFailed, Output
from gatewright.ike.v2.path import Path
from gatewright.ike.v2.rules import check
from gatewright.ike.v2.sa import Handshake, IkeSa
from gatewright.ike.v2.states import State
from gatewright.ike.v2.tasks.task import Inbound, Task
from gatewright.ipsec.secret import Secret
from gatewright.policy.compiled import Connection
from gatewright.wire.isakmp import Header
from gatewright.wire.v2.message import Head, Payload
from tests.support.entropy import seeded
from tests.support.gateways import Keys, connection, mirrored

NOW = 1000.0
SPI_I, SPI_R = b"initiato", b"responde"


def context(seed: int = 0, keys: Keys | None = None) -> Context:
    spis = count(0x1000 + seed * 0x1000)
    return Context(seeded(seed), keys or Keys(), Timing(), lambda: ReservedSpi(next(spis)))


@dataclass
class Spawned:
    """The IKE SAs that took over, where a session would be made of each."""

    sas: list[IkeSa] = field(default_factory=list)

    def __call__(self, sa: IkeSa, now: float) -> Session:
        del now
        self.sas.append(sa)
        return _NoSession()  # type: ignore[return-value]


class _NoSession:
    def handle_timeout(self, now: float) -> None:
        del now


def blank(side: Connection, *, is_initiator: bool, seed: int = 0) -> IkeSa:
    """An IKE SA before its first message."""
    return IkeSa(
        context=context(seed),
        connection=side,
        path=Path(Address(side.local, 500), Address(side.remote, 500)),
        is_initiator=is_initiator,
        spi_i=SPI_I,
        spi_r=bytes(8),
        spawn=Spawned(),
        handshake=Handshake([side]),
    )


def linked(
    side_a: Connection | None = None, side_b: Connection | None = None
) -> tuple[IkeSa, IkeSa]:
    """Two established IKE SAs, initiator first, with the same keys and no children."""
    ours = side_a or connection()
    theirs = side_b or mirrored(ours)
    pair = blank(ours, is_initiator=True, seed=0), blank(theirs, is_initiator=False, seed=1)
    for sa, peer in zip(pair, reversed(pair), strict=True):
        proposal = sa.connection.proposals[0]
        sa.spi_r = SPI_R
        nonces = (b"i" * 32, b"r" * 32)
        sa.take_keys(proposal, derive_ike_keys(proposal, Secret(b"g^ir"), *nonces, SPI_I, SPI_R))
        sa.peer_identity = str(peer.connection.local_identity)
        sa.handshake = Handshake([sa.connection], b"request", b"response", *nonces)
    return pair


def established(
    side_a: Connection | None = None, side_b: Connection | None = None
) -> tuple[IkeSa, IkeSa]:
    pair = linked(side_a, side_b)
    for sa in pair:
        sa.establish(NOW)
        sa.outputs.clear()
    return pair


def authenticating(
    side_a: Connection | None = None, side_b: Connection | None = None
) -> tuple[IkeSa, IkeSa]:
    """Before IKE_AUTH."""
    initiator, responder = linked(side_a, side_b)
    initiator.state, responder.state = State.INIT_SENT, State.HALF_OPEN
    return initiator, responder


def inbound(sa: IkeSa, exchange: int, payloads: Sequence[Payload], *, response: bool) -> Inbound:
    """As if ``sa`` had received this."""
    head = Head(sa.spi_i, sa.spi_r, exchange, 1, sa.is_initiator is response, response)
    header: Header = head.header(0, 28)
    datagram = Datagram(sa.path.local, sa.path.remote, b"octets")
    return Inbound(datagram, header, tuple(payloads))


Responder = Callable[[IkeSa, Inbound, float], list[Payload]]


def carry(task: Task, sender: IkeSa, responder: Responder, receiver: IkeSa) -> Task | None:
    """One exchange; gives the task to go on with."""
    request = task.build(sender, NOW)
    assert request is not None
    response = responder(receiver, inbound(receiver, task.exchange, request, response=False), NOW)
    return finish(task, sender, response)


def finish(task: Task, sender: IkeSa, response: Sequence[Payload]) -> Task | None:
    check(task.response_shape(response), response)
    arrived = inbound(sender, task.exchange, response, response=True)
    return task.process(sender, arrived, NOW)


def failures(sa: IkeSa) -> list[NegotiationFailed]:
    return [each for each in sa.outputs if isinstance(each, NegotiationFailed)]


def kinds(outputs: Sequence[Output]) -> list[str]:
    return [type(output).__name__ for output in outputs]


def told(sa: IkeSa) -> list[str]:
    return kinds(sa.outputs)
