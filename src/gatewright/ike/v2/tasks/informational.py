"""What the peer tells in an INFORMATIONAL request (RFC 7296 section 1.4)."""

from __future__ import annotations

from collections.abc import Callable

from gatewright.iana.ikev2 import NotifyType
from gatewright.ike.v2.children import ChildState
from gatewright.ike.v2.errors import PeerRefused
from gatewright.ike.v2.refusals import auth_refused
from gatewright.ike.v2.sa import IkeSa
from gatewright.ike.v2.tasks import delete
from gatewright.ike.v2.tasks.child_create import CreateChild
from gatewright.ike.v2.tasks.delete import DeleteChild
from gatewright.ike.v2.tasks.task import Inbound
from gatewright.wire.v2.message import Payload, select
from gatewright.wire.v2.payloads.delete import DeletePayload
from gatewright.wire.v2.payloads.notify import NotifyPayload


def respond(sa: IkeSa, inbound: Inbound, now: float) -> list[Payload]:
    """The response; empty for what asks for nothing else."""
    for notify in select(inbound.payloads, NotifyPayload):
        reaction = _REACTIONS.get(notify.type)
        if reaction is not None:
            reaction(sa, notify)
    deletes = select(inbound.payloads, DeletePayload)
    return delete.respond(sa, deletes, now) if deletes else []


def _authentication_failed(sa: IkeSa, notify: NotifyPayload) -> None:
    """The initiator does not accept our proof (RFC 7296 section 2.21.2)."""
    sa.report("IKE SA", auth_refused(notify, sa.connection))
    sa.end("the peer rejects our authentication")


def _invalid_syntax(sa: IkeSa, notify: NotifyPayload) -> None:
    """Fatal on both sides (RFC 7296 section 2.21.3)."""
    refusal = PeerRefused("the peer calls our last message malformed", received=notify)
    sa.report("IKE SA", refusal, waiting=False)
    sa.end("the peer reports a malformed message")


def _invalid_spi(sa: IkeSa, notify: NotifyPayload) -> None:
    """Our ESP reached a peer that has no such SA any more: make a new one (section 1.5)."""
    entry = sa.children.by_outbound(int.from_bytes(notify.data, "big"))
    if entry is not None and entry.state is ChildState.INSTALLED:
        sa.agenda.add(DeleteChild(entry, "the peer does not know it"))
        sa.agenda.add(CreateChild(entry.child, None))


_REACTIONS: dict[int, Callable[[IkeSa, NotifyPayload], None]] = {
    NotifyType.AUTHENTICATION_FAILED: _authentication_failed,
    NotifyType.INVALID_SYNTAX: _invalid_syntax,
    NotifyType.INVALID_SPI: _invalid_spi,
}
