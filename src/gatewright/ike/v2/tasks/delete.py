"""INFORMATIONAL with Delete payloads: child SAs, or the IKE SA with all of them (section 1.4.1).

::

    HDR, SK {D}  -->
                 <--  HDR, SK {D}
"""

from __future__ import annotations

from collections.abc import Sequence

from gatewright.iana.ikev2 import ExchangeType, ProtocolId
from gatewright.ike.v2.children import ChildEntry, ChildState
from gatewright.ike.v2.errors import ExchangeError
from gatewright.ike.v2.rules import Shape
from gatewright.ike.v2.sa import IkeSa
from gatewright.ike.v2.states import Event, State
from gatewright.ike.v2.tasks.task import Inbound, Purpose, Subject, Task
from gatewright.wire.v2.message import Payload
from gatewright.wire.v2.payloads.delete import DeletePayload
from gatewright.wire.v2.payloads.notify import NotifyPayload

SPI_LENGTH = 4


class DeleteChild(Task):
    """Delete one child SA.  The SPI on the wire is our inbound one (RFC 7296 section 1.4.1)."""

    exchange = ExchangeType.INFORMATIONAL

    def __init__(self, entry: ChildEntry, reason: str) -> None:
        self._entry = entry
        self._reason = reason

    def build(self, sa: IkeSa, now: float) -> Sequence[Payload] | None:
        del now
        gone = (ChildState.DELETING, ChildState.LINGERING)
        if sa.children.get(self._entry.spi_in) is not self._entry or self._entry.state in gone:
            return None  # the peer deleted it first
        self._entry.state = ChildState.DELETING
        return [_delete_esp([self._entry.spi_in])]

    def response_shape(self, payloads: Sequence[Payload]) -> Shape:
        del payloads
        return Shape.INFORMATIONAL

    def process(self, sa: IkeSa, inbound: Inbound, now: float) -> Task | None:
        del inbound  # the other half is gone, whether the peer says so or not
        self._remove(sa, now)
        return None

    def failed(self, sa: IkeSa, error: ExchangeError, now: float) -> None:
        del error
        self._remove(sa, now)

    def _remove(self, sa: IkeSa, now: float) -> None:
        if sa.children.get(self._entry.spi_in) is self._entry and self._entry.standing:
            overlap = sa.context.timing.rekey_overlap
            sa.children.deleted(self._entry, now, self._reason, overlap)


class DeleteSpi(Task):
    """Delete what the peer believes to be a child SA, and we could not accept."""

    exchange = ExchangeType.INFORMATIONAL

    def __init__(self, spi_in: int) -> None:
        self._spi_in = spi_in

    def build(self, sa: IkeSa, now: float) -> Sequence[Payload] | None:
        del sa, now
        return [_delete_esp([self._spi_in])]

    def response_shape(self, payloads: Sequence[Payload]) -> Shape:
        del payloads
        return Shape.INFORMATIONAL

    def process(self, sa: IkeSa, inbound: Inbound, now: float) -> Task | None:
        del sa, inbound, now
        return None

    def failed(self, sa: IkeSa, error: ExchangeError, now: float) -> None:
        del sa, error, now


class DeleteIke(Task):
    """End the IKE SA; ``notify`` tells a reason in the place of a Delete payload."""

    exchange = ExchangeType.INFORMATIONAL

    def __init__(self, reason: str, notify: NotifyPayload | None = None) -> None:
        self.reason = reason
        self._notify = notify

    @property
    def subject(self) -> Subject:
        return Subject(Purpose.END)

    def build(self, sa: IkeSa, now: float) -> Sequence[Payload] | None:
        del now
        sa.advance(Event.DELETE_REQUESTED)
        return [self._notify or DeletePayload(ProtocolId.IKE)]

    def response_shape(self, payloads: Sequence[Payload]) -> Shape:
        del payloads
        return Shape.INFORMATIONAL

    def process(self, sa: IkeSa, inbound: Inbound, now: float) -> Task | None:
        del inbound, now
        sa.end(self.reason)
        return None

    def failed(self, sa: IkeSa, error: ExchangeError, now: float) -> None:
        del error, now
        sa.end(self.reason)


# --- the responder ----------------------------------------------------------------------------


def respond(sa: IkeSa, deletes: Sequence[DeletePayload], now: float) -> list[Payload]:
    """Delete what the peer deleted; the answer names our halves (RFC 7296 section 1.4.1)."""
    if any(delete.protocol == ProtocolId.IKE for delete in deletes):
        _ike_deleted(sa, now)
        return []
    ours: list[int] = []
    for delete in deletes:
        if delete.protocol == ProtocolId.ESP:
            ours.extend(_children_deleted(sa, delete, now))
    return [_delete_esp(ours)] if ours else []


def _ike_deleted(sa: IkeSa, now: float) -> None:
    """The peer deletes the IKE SA.

    While a rekey of ours is under way that the peer answered with one of its own, it did not
    notice the collision: its new IKE SA stands, ours is forgotten (RFC 7296 section 2.8.2).
    """
    if sa.contender is not None and sa.state is State.REKEYING:
        sa.yield_to_contender(now)
    sa.end("rekeyed" if sa.state is State.REPLACED else "deleted by the peer")


def _children_deleted(sa: IkeSa, delete: DeletePayload, now: float) -> list[int]:
    ours: list[int] = []
    for spi in delete.spis:
        entry = sa.children.by_outbound(int.from_bytes(spi, "big"))
        if entry is None or len(spi) != SPI_LENGTH:
            continue
        if entry.state is not ChildState.DELETING:
            ours.append(entry.spi_in)  # both deleting: no payload (RFC 7296 section 1.4.1)
        if entry.peer_rekey is not None and entry.replaced_by is None:
            # The peer rekeyed it, and did not see that we were about to (section 2.8.1).
            sa.children.replaced(entry, entry.peer_rekey.spi_in)
        reason = "rekeyed" if entry.replaced_by is not None else "deleted by the peer"
        if entry.state is ChildState.REDUNDANT:
            reason = "redundant after simultaneous rekeys"
        sa.children.deleted(entry, now, reason, sa.context.timing.rekey_overlap)
    return ours


def _delete_esp(spis: Sequence[int]) -> DeletePayload:
    return DeletePayload(ProtocolId.ESP, tuple(spi.to_bytes(SPI_LENGTH, "big") for spi in spis))
