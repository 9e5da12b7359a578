"""CREATE_CHILD_SA that rekeys a child SA, and its collisions (RFC 7296 sections 1.3.3, 2.8.1).

::

    HDR, SK {N(REKEY_SA), SA, Ni, [KEi], TSi, TSr}  -->
                                                    <--  HDR, SK {SA, Nr, [KEr], TSi, TSr}
    HDR, SK {D(old)}                                -->
                                                    <--  HDR, SK {D(old)}

When both sides rekey the same SA at once, both requests are answered as usual and two new SAs
exist.  The one whose exchange has the lowest of the four nonces is redundant: whoever began that
exchange deletes it, the other one deletes the old SA.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatewright.iana.algorithms import Group
from gatewright.iana.ikev2 import ExchangeType, NotifyType, ProtocolId
from gatewright.ike.child_index import ChildIndex
from gatewright.ike.v2 import child_terms
from gatewright.ike.v2.child_terms import KeyMaterial
from gatewright.ike.v2.children import ChildEntry, ChildState, PeerRekey
from gatewright.ike.v2.errors import (
    ChildSaNotFound,
    ExchangeError,
    InvalidSyntax,
    PeerRefused,
    TemporaryFailure,
)
from gatewright.ike.v2.lifetimes import next_attempt
from gatewright.ike.v2.rules import Shape
from gatewright.ike.v2.sa import IkeSa
from gatewright.ike.v2.states import State
from gatewright.ike.v2.tasks.child_create import (
    ChildExchange,
    CreateChild,
    answer_exchange,
    child_response_shape,
    most_children,
    refuse_too_many,
    retry_after_temporary_failure,
)
from gatewright.ike.v2.tasks.delete import SPI_LENGTH, DeleteChild, DeleteSpi
from gatewright.ike.v2.tasks.task import Inbound, Purpose, Subject, Task
from gatewright.wire.v2.message import Payload, select
from gatewright.wire.v2.payloads.notify import NotifyPayload


class RekeyChild(Task):
    """The initiator."""

    exchange = ExchangeType.CREATE_CHILD_SA

    def __init__(self, entry: ChildEntry, groups_tried: Sequence[Group] = ()) -> None:
        self.entry = entry
        self._groups_tried = groups_tried
        self._child_exchange: ChildExchange | None = None

    @property
    def subject(self) -> Subject:
        return Subject(Purpose.CHILD_REKEY, self.entry.spi_in)

    def build(self, sa: IkeSa, now: float) -> Sequence[Payload] | None:
        del now
        entry = self.entry
        ours = (ChildState.INSTALLED, ChildState.REKEYING)
        if sa.children.get(entry.spi_in) is not entry or entry.state not in ours:
            return None  # deleted, or the peer rekeyed it first
        if entry.peer_rekey is not None:
            self._leave_to_peer(sa, entry.peer_rekey)
            return None
        entry.state = ChildState.REKEYING
        self._child_exchange = ChildExchange(sa, entry.child, None, self._groups_tried)
        # The SPI is the one that we expect in inbound packets (RFC 7296 section 2.8).
        spi = entry.spi_in.to_bytes(SPI_LENGTH, "big")
        rekey = NotifyPayload(NotifyType.REKEY_SA, b"", ProtocolId.ESP, spi)
        return [rekey, *self._child_exchange.payloads()]

    def response_shape(self, payloads: Sequence[Payload]) -> Shape:
        return child_response_shape(payloads)

    def process(self, sa: IkeSa, inbound: Inbound, now: float) -> Task | None:
        assert self._child_exchange is not None
        groups = self._child_exchange.groups_to_try(inbound.payloads)
        if groups is not None:
            return RekeyChild(self.entry, groups)
        terms, material = self._child_exchange.accepted(inbound.payloads)
        theirs = self.entry.peer_rekey
        if theirs is not None and lowest_nonce(material) < theirs.lowest_nonce:
            new = child_terms.establish(sa, terms, material, now, standby=True)
            new.state = ChildState.REDUNDANT
            sa.agenda.add(DeleteChild(new, "redundant after simultaneous rekeys"))
            self._leave_to_peer(sa, theirs)
            return None
        new = child_terms.establish(sa, terms, material, now, replaces=self.entry.spi_in)
        if theirs is not None and (redundant := sa.children.get(theirs.spi_in)) is not None:
            redundant.state = ChildState.REDUNDANT
        self._replace(sa, new)
        return None

    def _replace(self, sa: IkeSa, new: ChildEntry) -> None:
        """Ours is the one that stays: the old SA is ours to delete."""
        if self.entry.standing:
            sa.children.replaced(self.entry, new.spi_in)
            sa.agenda.add(DeleteChild(self.entry, "rekeyed"))

    def _leave_to_peer(self, sa: IkeSa, theirs: PeerRekey) -> None:
        """The peer's is the one that stays: it deletes the old SA."""
        if self.entry.standing:
            sa.children.replaced(self.entry, theirs.spi_in)

    def failed(self, sa: IkeSa, error: ExchangeError, now: float) -> None:
        entry = self.entry
        if not isinstance(error, PeerRefused):
            assert self._child_exchange is not None
            sa.agenda.add(DeleteSpi(self._child_exchange.offer.spi_in))
        if entry.peer_rekey is not None:
            # The peer rekeys it, and did not see that we were about to (section 2.8.1).
            self._leave_to_peer(sa, entry.peer_rekey)
            return
        if sa.children.get(entry.spi_in) is not entry or entry.state is not ChildState.REKEYING:
            return  # gone meanwhile
        entry.state = ChildState.INSTALLED
        refusal = error.received.type if isinstance(error, PeerRefused) else None
        if refusal == NotifyType.CHILD_SA_NOT_FOUND:
            # The peer does not have it: drop it and begin from scratch (section 2.25).
            overlap = sa.context.timing.rekey_overlap
            sa.children.deleted(entry, now, "the peer does not know it", overlap)
            sa.agenda.add(CreateChild(entry.child, None))
        elif refusal == NotifyType.TEMPORARY_FAILURE:
            soon = retry_after_temporary_failure(sa)
            entry.rekey_at = now + min(soon, max(0.0, entry.expire_at - now) / 2)
        else:
            sa.report("child SA rekey", error, entry.child, waiting=False)
            entry.rekey_at = next_attempt(now, entry.expire_at, sa.context.timing)


def lowest_nonce(material: KeyMaterial) -> bytes:
    return min(material.nonce_i, material.nonce_r)


# --- the responder ----------------------------------------------------------------------------


def respond(sa: IkeSa, inbound: Inbound, now: float) -> list[Payload]:
    """Raises `ChildSaNotFound` or `TemporaryFailure` (section 2.25), or as for a new child SA.

    A peer that rekeys has to delete the old SA: it may have two for each that it may make.
    The new SA is on standby outbound: the initiator may not have its keys yet (section 2.8).
    """
    if sa.state is not State.ESTABLISHED:
        raise TemporaryFailure("the IKE SA is being rekeyed or closed")
    refuse_too_many(sa, 2 * most_children(sa))
    old = _rekeyed(sa, inbound.payloads)
    terms, material, answers = answer_exchange(sa, ChildIndex([old.child]), inbound.payloads)
    new = child_terms.establish(sa, terms, material, now, replaces=old.spi_in, standby=True)
    if old.state is ChildState.REKEYING:
        old.peer_rekey = PeerRekey(new.spi_in, lowest_nonce(material))
    else:
        sa.children.replaced(old, new.spi_in)
    return answers


def _rekeyed(sa: IkeSa, payloads: Sequence[Payload]) -> ChildEntry:
    """The SA that the peer wants to rekey."""
    rekey = next(
        each for each in select(payloads, NotifyPayload) if each.type == NotifyType.REKEY_SA
    )
    if rekey.protocol != ProtocolId.ESP or len(rekey.spi) != SPI_LENGTH:
        raise InvalidSyntax("a REKEY_SA notify without an ESP SPI")
    old = sa.children.by_outbound(int.from_bytes(rekey.spi, "big"))
    if old is None:
        raise ChildSaNotFound(rekey.spi)
    if old.peer_rekey is not None or old.state not in (ChildState.INSTALLED, ChildState.REKEYING):
        raise TemporaryFailure("the child SA is being closed")
    return old
