"""Taking informational messages: what the peer deletes, asks and reports (RFC 2409 section 5.7).

Only what is encrypted and authenticated changes anything.  A notify in clear can come from
anybody: it is reported, and during main mode it becomes the likely reason of a failure.
"""

from __future__ import annotations

from typing import Protocol

from gatewright.iana.ikev1 import NotifyType, PayloadType
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.errors import ExchangeError
from gatewright.ike.v1.quick_modes import QuickModes
from gatewright.ike.v1.states import State
from gatewright.ike.v1.tasks import delete, notify
from gatewright.ike.v1.tasks.dpd import DeadPeerDetection
from gatewright.ike.v1.tasks.informational import Informational, Unauthentic
from gatewright.ike.v1.tasks.main_mode import MainMode
from gatewright.wire.codec import Malformed
from gatewright.wire.v1.message import Chain, Message
from gatewright.wire.v1.payloads.delete import DeletePayload
from gatewright.wire.v1.payloads.notify import NotifyPayload


class Listener(Protocol):
    """The session, as far as the peer's messages move it."""

    def peer_lives(self, now: float) -> None:
        """A fresh message of the peer came: it lives, and is where this came from."""
        ...

    def pair_deleted(self, spi_out: int, now: float) -> None: ...

    def main_mode_deleted(self, cookies: bytes, now: float) -> None: ...

    def peer_restarted(self, now: float) -> None:
        """The peer has no other SA with us (RFC 2407 section 4.6.3.3)."""
        ...


class Inbox:
    def __init__(
        self,
        core: Core,
        main: MainMode,
        quick: QuickModes,
        informational: Informational,
        dpd: DeadPeerDetection,
        listener: Listener,
    ) -> None:
        self._core = core
        self._main = main
        self._quick = quick
        self._informational = informational
        self._dpd = dpd
        self._listener = listener

    def receive(self, message: Message, now: float) -> None:
        if not message.encrypted:
            self._receive_in_clear(message)
            return
        if self._core.protection is None:
            self._core.drop("informational_before_keys")
            return
        if self._informational.take_acknowledgement(message):
            return
        try:
            chain = self._informational.open(message)
        except Unauthentic as error:
            self._core.drop(error.reason)
            self._main.unreadable()
            return
        except ExchangeError as error:
            self._core.drop("informational_refused", error.explanation)
            return
        self._informational.acknowledge(message, chain)
        self._take(chain, now)

    def _receive_in_clear(self, message: Message) -> None:
        try:
            chain = message.chain()
        except Malformed as error:
            self._core.drop(error.reason, error.detail)
            return
        notifies = chain.all(NotifyPayload)
        if not notifies:
            names = dict.fromkeys(PayloadType.describe(each.number) for each in chain.payloads)
            self._core.drop("unauthenticated_informational", ", ".join(names))
        for each in notifies:
            name = NotifyType.describe(each.type)
            self._core.drop("unauthenticated_notify", name)
            known = NotifyType.find(each.type)
            if known is not None and known.is_error and self._core.state in _WAITING:
                self._main.note_refusal(each.type, notify.detail(each))

    def _take(self, chain: Chain, now: float) -> None:
        for payload in chain.payloads:
            if isinstance(payload, NotifyPayload):
                self._take_notify(payload, now)
            elif isinstance(payload, DeletePayload) and self._core.usable:
                self._take_delete(payload, now)

    def _take_notify(self, payload: NotifyPayload, now: float) -> None:
        match NotifyType.find(payload.type):
            case NotifyType.R_U_THERE:
                if self._dpd.take_question(payload):
                    self._listener.peer_lives(now)
                else:
                    self._core.drop("dpd_question_replayed")
            case NotifyType.R_U_THERE_ACK:
                if self._dpd.take_answer(payload):
                    self._listener.peer_lives(now)
                else:
                    self._core.drop("dpd_answer_unexpected")
            case NotifyType.INITIAL_CONTACT if self._core.usable:
                self._listener.peer_restarted(now)
            case known if known is not None and known.is_error:
                self._take_error(payload, now)
            case _:
                self._core.drop("notify_ignored", NotifyType.describe(payload.type))

    def _take_error(self, payload: NotifyPayload, now: float) -> None:
        if self._core.state is State.SENT_5:
            self._main.refused(payload.type, notify.detail(payload))
        elif not self._quick.take_notify(payload, now):
            self._core.drop("notify_ignored", NotifyType.describe(payload.type))

    def _take_delete(self, payload: DeletePayload, now: float) -> None:
        for spi_out in delete.deleted_pairs(payload):
            self._listener.pair_deleted(spi_out, now)
        for cookies in delete.deleted_main_modes(payload):
            self._listener.main_mode_deleted(cookies, now)


_WAITING = frozenset({State.SENT_1, State.SENT_3, State.SENT_5})
