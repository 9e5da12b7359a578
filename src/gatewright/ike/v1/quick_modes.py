"""The quick modes of one main mode SA: any number at the same time, each with its message ID."""

from __future__ import annotations

from itertools import takewhile

from gatewright.iana.ikev1 import NotifyType, ProtocolId
from gatewright.ike.outputs import Difference
from gatewright.ike.v1.children import Traffic
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.errors import (
    ExchangeError,
    LimitReached,
    NoAnswer,
    PeerRefused,
    TooManyPairs,
    Unfit,
)
from gatewright.ike.v1.keeper import Keeper
from gatewright.ike.v1.phase_two import usable
from gatewright.ike.v1.states import QuickState
from gatewright.ike.v1.tasks import delete, notify
from gatewright.ike.v1.tasks.informational import Informational
from gatewright.ike.v1.tasks.quick_mode import Made, QuickMode
from gatewright.ike.v1.terms import Terms
from gatewright.wire.v1.message import Message
from gatewright.wire.v1.payloads.notify import NotifyPayload

MAX_UNDER_WAY = 64
MAX_BEGUN = 32  # by us: a peer may be as strict with us as we are with it, and begin some itself
MAX_MESSAGE_IDS = 65536
MAX_PAIRS = 128  # that the peer may make, or
MAX_PAIRS_PER_CHILD = 16  # as many for each child of the policy, replaced ones included
_OVER = (QuickState.DONE, QuickState.FAILED)
_MESSAGE_ID_OCTETS = 4


class QuickModes:
    """Those under way, and for a while those that are over, to answer what comes again.

    Of ours, ``MAX_BEGUN`` are under way at a time; the others wait for their turn.

    The message IDs of all are remembered for the life of the main mode SA, so that no old message
    makes a quick mode anew.  ``overdrawn``: the peer asked for more than the policy allows.
    """

    def __init__(self, core: Core, informational: Informational, keeper: Keeper) -> None:
        self._core = core
        self._informational = informational
        self._keeper = keeper
        self._by_id: dict[int, QuickMode] = {}  # oldest first
        self._running: dict[int, QuickMode] = {}
        self._begun: dict[Traffic, QuickMode] = {}  # of the running, ours
        self._waiting: dict[Traffic, Terms] = {}
        self._ours: set[int] = set()
        self._used: set[int] = set()
        self._made = 0
        self.overdrawn = False

    # --- what can be asked -------------------------------------------------------------------

    @property
    def exhausted(self) -> bool:
        """Whether the main mode SA has had its share (master key perfect forward secrecy)."""
        limit = self._core.connection.child_limit
        on_their_way = len(self._waiting) + sum(
            quick.made is None for quick in self._running.values()
        )
        return bool(limit) and self._made + on_their_way >= limit

    def under_way(self, terms: Terms) -> bool:
        """Whether one of ours for this traffic runs, or waits for its turn."""
        return terms.traffic in self._begun or terms.traffic in self._waiting

    @property
    def idle(self) -> bool:
        return not self._running

    def next_timeout(self) -> float | None:
        times = (quick.next_timeout() for quick in self._running.values())
        return min((time for time in times if time is not None), default=None)

    # --- inputs ------------------------------------------------------------------------------

    def begin(self, terms: Terms, now: float) -> None:
        """Begin one, or as soon as another is over."""
        if len(self._begun) < MAX_BEGUN:
            self._begin(terms, now)
        else:
            self._waiting[terms.traffic] = terms

    def _begin(self, terms: Terms, now: float) -> None:
        self._forget_old(now)
        quick = QuickMode(self._core, self._new_id(), now, self._install)
        self._ours.add(quick.message_id)
        self._begun[terms.traffic] = quick
        self._remember(quick)
        quick.start(terms, now)
        self._settle(quick, now)

    def receive(self, message: Message, octets: bytes, now: float) -> bool:
        """A message of the quick mode exchange; True when it was authentic and new."""
        self._forget_old(now)
        message_id = message.header.message_id
        quick = self._by_id.get(message_id)
        if quick is None:
            refusal = self._refusal_of_new(message_id)
            if refusal is not None:
                self._core.drop(refusal)
                return False
            quick = QuickMode(self._core, message_id, now, self._install, self._barred())
        if not quick.receive(message, octets, now):
            return False
        self._remember(quick)
        failed = quick.failure is not None
        self.overdrawn |= isinstance(quick.failure, LimitReached)
        self._settle(quick, now)
        if failed and message_id not in self._ours:
            self._tell_responder_failure(quick, octets)
        self._begin_waiting(now)
        return True

    def take_notify(self, payload: NotifyPayload, now: float) -> bool:
        """An authentic error notify; False when it belongs to no quick mode of ours."""
        quick = self._addressed(payload)
        if quick is None:
            return False
        quick.refused(_refusal(quick, payload))
        self._settle(quick, now)
        self._begin_waiting(now)
        return True

    def pair_deleted(self, spi_in: int, now: float) -> None:
        """The peer deleted the pair of a quick mode that it never confirmed."""
        for quick in list(self._running.values()):
            if quick.spi_in == spi_in:
                quick.refused(NoAnswer("the peer gave the new pair up before it was confirmed"))
                self._settle(quick, now)
        self._begin_waiting(now)

    def handle_timeout(self, now: float) -> bool:
        """True when one got no answer at all: the peer may be gone."""
        silent = False
        for quick in list(self._running.values()):
            quick.handle_timeout(now)
            if quick.failure is not None:
                silent = True
                self._settle(quick, now)
        self._begin_waiting(now)
        self._forget_old(now)
        return silent

    def abort(self, error: ExchangeError, now: float) -> None:
        """The main mode SA is gone, and nothing that comes again is answered."""
        for terms in self.take_waiting():
            self._report(terms, error)
            self._try_again(terms, now)
        for quick in list(self._running.values()):
            quick.refused(error)
            self._settle(quick, now)
        self._by_id.clear()

    def take_waiting(self) -> list[Terms]:
        """What is to be negotiated elsewhere: this main mode SA has a successor, or has ended."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        return waiting

    # --- inside ------------------------------------------------------------------------------

    def _begin_waiting(self, now: float) -> None:
        while self._waiting and len(self._begun) < MAX_BEGUN:
            self._begin(self._waiting.pop(next(iter(self._waiting))), now)

    def _new_id(self) -> int:
        while True:
            message_id = self._core.new_message_id()
            if message_id not in self._used:
                return message_id

    def _remember(self, quick: QuickMode) -> None:
        self._by_id[quick.message_id] = self._running[quick.message_id] = quick
        self._used.add(quick.message_id)

    def _refusal_of_new(self, message_id: int) -> str | None:
        if message_id in self._used:
            return "quick_mode_message_replayed"
        if len(self._running) >= MAX_UNDER_WAY:
            return "quick_modes_under_way_limit"
        if len(self._used) >= MAX_MESSAGE_IDS:
            return "quick_mode_message_ids_exhausted"
        return None

    def _barred(self) -> ExchangeError | None:
        children = sum(len(connection.children) for connection in self._core.served())
        most = max(MAX_PAIRS, MAX_PAIRS_PER_CHILD * children)
        if len(self._core.children) >= most:
            return TooManyPairs(
                f"the peer has {most} quick mode SAs, wants another, and deletes none of them"
            )
        if not self.exhausted:
            return None
        limit = self._core.connection.child_limit
        return LimitReached(
            f"the policy allows {limit} quick mode(s) for each main mode (master key perfect "
            "forward secrecy), and the peer wants one more. Set the same limit on the peer."
        )

    def _settle(self, quick: QuickMode, now: float) -> None:
        """Carry out what the quick mode has come to."""
        if quick.state in _OVER:
            self._running.pop(quick.message_id, None)
            if quick.terms is not None and self._begun.get(quick.terms.traffic) is quick:
                del self._begun[quick.terms.traffic]
        if quick.failure is not None:
            self._failed(quick, quick.failure, now)
        elif quick.state is QuickState.DONE and quick.message_id not in self._ours:
            self._keeper.confirm(quick.spi_in, now)

    def _install(self, quick: QuickMode, made: Made, now: float) -> None:
        assert quick.terms is not None
        self._made += 1
        ours = quick.message_id in self._ours
        self._keeper.install(made, quick.terms, quick.began, now, initiated=ours)

    def _failed(self, quick: QuickMode, error: ExchangeError, now: float) -> None:
        if quick.message_id not in self._ours or quick.terms is None:
            # The pair is kept: the peer uses it if only message 3 was lost, and deletes it if it
            # never got message 2.
            children = (quick.terms.child,) if quick.terms is not None else ()
            self._core.report("quick mode", error, children, packets_wait=False)
            return
        self._report(quick.terms, error)
        if not isinstance(error, PeerRefused) and self._core.usable:
            self._informational.send_delete(delete.quick_mode_sas([quick.spi_in]), now)
        self._try_again(quick.terms, now)

    def _report(self, terms: Terms, error: ExchangeError) -> None:
        """One of ours has failed."""
        first_time = terms.replaces is None
        self._core.report("quick mode", error, (terms.child,), packets_wait=first_time)

    def _try_again(self, terms: Terms, now: float) -> None:
        if terms.replaces is not None:
            self._keeper.rekey_failed(terms.replaces, now)

    def _tell_responder_failure(self, quick: QuickMode, octets: bytes) -> None:
        error = quick.failure
        if error is None or error.notify is None:
            return
        payload = notify.about_quick_mode(
            self._core, error.notify, quick.message_id, quick.peers_spi
        )
        quick.answer_with(octets, self._informational.send((payload,)))

    def _addressed(self, payload: NotifyPayload) -> QuickMode | None:
        """The quick mode of ours that a notify speaks of.

        It names our SPI (RFC 2408 section 3.14); a Microsoft peer puts the message ID in front of
        the data (MS-IKEE section 2.2.6).  Some name neither, which is clear when only one runs.
        """
        ours = list(self._begun.values())
        prefix = int.from_bytes(payload.data[:_MESSAGE_ID_OCTETS], "big")
        for quick in ours:
            spi = quick.spi_in.to_bytes(_MESSAGE_ID_OCTETS, "big")
            named = payload.protocol == ProtocolId.ESP and payload.spi == spi
            if named or (payload.data and prefix == quick.message_id):
                return quick
        return ours[0] if len(ours) == 1 else None

    def _forget_old(self, now: float) -> None:
        linger = self._core.context.timing.half_open_lifetime * 2
        for quick in list(takewhile(lambda each: now >= each.began + linger, self._by_id.values())):
            if quick.state not in _OVER:
                break
            del self._by_id[quick.message_id]
            self._ours.discard(quick.message_id)


def _refusal(quick: QuickMode, payload: NotifyPayload) -> ExchangeError:
    name = NotifyType.describe(payload.type)
    detail = notify.detail(payload)
    said = f"{name} ({detail})" if detail else name
    if quick.terms is None:
        return PeerRefused(f"the peer refuses quick mode with {said}", received=payload.type)
    child, local, remote = quick.terms.child, quick.terms.local, quick.terms.remote
    if payload.type == NotifyType.INVALID_ID_INFORMATION:
        return PeerRefused(
            f"the peer refuses the networks of {child.name} with {said}. Both gateways must name "
            f"the same networks, each from its side: here {local}, there {remote}.",
            (
                Difference("local traffic selector", str(local), "another"),
                Difference("remote traffic selector", str(remote), "another"),
            ),
            received=payload.type,
        )
    methods = ", ".join(
        "/".join(
            (
                method.cipher.name,
                method.integrity.name if method.integrity is not None else "-",
                f"pfs {method.group.name}" if method.group is not None else "no pfs",
            )
        )
        for method in usable(child)
    )
    return PeerRefused(
        f"the peer refuses quick mode for {child.name} with {said}. It was offered {methods}, "
        f"for {local} here and {remote} there: let the peer have the same.",
        (Difference("security methods", methods, "none of these"),),
        received=payload.type,
    )


def session_gone(reason: str) -> ExchangeError:
    """Why quick modes under way fail with their main mode SA."""
    return Unfit(f"the main mode SA is gone: {reason}")
