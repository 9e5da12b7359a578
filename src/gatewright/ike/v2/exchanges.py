"""Requests and responses of one IKE SA: windows, protection, rules, and who handles what.

The way of a request of the peer, in `receive`:

1. message ID: new, again (the response is sent again), or outside the window;
2. integrity check, then decryption; nothing that fails here leaves a trace but a counter;
3. payloads, and whether they may stand in this message (`gatewright.ike.v2.rules`);
4. the responder's function of the exchange (`_RESPONDERS`), which gives the response or raises.

Responses go the same way to the task that sent the request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from gatewright.crypto.ciphers import IntegrityFailure
from gatewright.iana.ikev2 import ExchangeType, NotifyType
from gatewright.ike.machine import Datagram
from gatewright.ike.outputs import MessageDropped, Transmit
from gatewright.ike.v2.errors import (
    ChildSaNotFound,
    ExchangeError,
    InvalidKePayload,
    MalformedMessage,
    PeerRefused,
    TemporaryFailure,
    notify_for,
)
from gatewright.ike.v2.keyring import Opened, sealed_payload
from gatewright.ike.v2.rules import Shape, check, first_error, request_shape
from gatewright.ike.v2.sa import IkeSa, Timer
from gatewright.ike.v2.states import Event, State
from gatewright.ike.v2.tasks import auth, child_create, informational, init, rekey_child, rekey_ike
from gatewright.ike.v2.tasks.delete import DeleteIke
from gatewright.ike.v2.tasks.task import Inbound, Task
from gatewright.ike.v2.window import Arrival, Outstanding, RequestWindow, ResponseWindow
from gatewright.wire.codec import Malformed
from gatewright.wire.v2.message import Head, Message, Payload, emit_message
from gatewright.wire.v2.payloads.notify import NotifyPayload

Responder = Callable[[IkeSa, Inbound, float], list[Payload]]

_RESPONDERS: dict[Shape, tuple[Responder, str]] = {
    Shape.AUTH_REQUEST: (auth.respond, "IKE SA"),
    Shape.CHILD_REQUEST: (child_create.respond, "child SA"),
    Shape.REKEY_CHILD_REQUEST: (rekey_child.respond, "child SA rekey"),
    Shape.REKEY_IKE_REQUEST: (rekey_ike.respond, "IKE SA rekey"),
    Shape.INFORMATIONAL: (informational.respond, "informational exchange"),
}

# No failures but part of a negotiation that goes on.
_EVERYDAY = (InvalidKePayload, TemporaryFailure, ChildSaNotFound)

_MAY_BEGIN = (State.ESTABLISHED, State.REPLACED, State.AUTH_SENT)


class Exchanges:
    """Carries tasks to the peer and the peer's requests to their responders."""

    def __init__(self, sa: IkeSa) -> None:
        self._sa = sa
        self._requests = RequestWindow(sa.context.timing)
        self._responses = ResponseWindow()
        # The answer to IKE_SA_INIT is not authenticated: an error in it may be forged, and is
        # believed only when nothing better came until the next retransmission (section 2.21.1).
        self._doubtful: ExchangeError | None = None
        self._last_init_response = b""

    # --- sending -----------------------------------------------------------------------------

    def proceed(self, now: float) -> None:
        """Begin what waits, as far as the window and the state allow."""
        sa = self._sa
        while self._requests.outstanding is None and sa.state in _MAY_BEGIN:
            task = sa.agenda.next()
            if task is None:
                return
            self.begin(task, now)

    def begin(self, task: Task, now: float) -> None:
        sa = self._sa
        try:
            payloads = task.build(sa, now)
        except ExchangeError as error:
            self._fail(task, error, now)
            return
        if payloads is None:
            return
        initial = task.exchange is ExchangeType.IKE_SA_INIT
        message_id = 0 if initial else self._requests.next_id
        octets = self._emit(self._head(task.exchange, message_id, response=False), payloads)
        if initial and sa.handshake is not None:
            sa.handshake.request = octets
        sa.current = task
        self._requests.opened(message_id, octets, now)
        self._transmit(octets, Datagram(sa.path.local, sa.path.remote, octets), now)

    def _head(self, exchange: int, message_id: int, *, response: bool) -> Head:
        sa = self._sa
        return Head(sa.spi_i, sa.spi_r, exchange, message_id, sa.is_initiator, response)

    def _emit(self, head: Head, payloads: Sequence[Payload]) -> bytes:
        if self._sa.keyring is None or head.exchange == ExchangeType.IKE_SA_INIT:
            return emit_message(head, payloads)
        return self._sa.keyring.seal(head, payloads, self._sa.context.random)

    def _transmit(self, octets: bytes, towards: Datagram, now: float) -> None:
        sa = self._sa
        sa.emit(Transmit(replace(towards, payload=octets)))
        if sa.path.nat_local and sa.state is not State.CLOSED:
            sa.timers[Timer.NAT_KEEPALIVE] = now + sa.context.timing.nat_keepalive

    # --- time --------------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        return self._requests.next_timeout()

    def handle_timeout(self, now: float) -> Task | None:
        """Retransmit; gives the task to which the peer never answered, when it is given up."""
        outstanding = self._requests.due(now)
        task = self._sa.current
        if outstanding is None or task is None:
            return None
        if self._doubtful is not None:
            doubtful, self._doubtful = self._doubtful, None
            self._close_request()
            self._fail(task, doubtful, now)
            return None
        if self._requests.exhausted(outstanding):
            self._close_request()
            return task
        self._retransmit(outstanding, now)
        return None

    def _retransmit(self, outstanding: Outstanding, now: float) -> None:
        path = self._sa.path
        self._requests.sent_again(outstanding, now)
        octets = outstanding.octets
        self._transmit(octets, Datagram(path.local, path.remote, octets), now)

    def _close_request(self) -> None:
        self._requests.answered()
        self._sa.current = None

    # --- receiving ---------------------------------------------------------------------------

    def receive(self, datagram: Datagram, now: float) -> None:
        try:
            message = Message.parse(datagram.payload)
        except Malformed as error:
            self._drop(error.reason, datagram, error.detail)
            return
        reason = self._misfit(message)
        if reason is not None:
            self._drop(reason, datagram)
        elif message.is_response:
            self._receive_response(message, datagram, now)
        else:
            self._receive_request(message, datagram, now)

    def _misfit(self, message: Message) -> str | None:
        """Why a message cannot belong here, as the name of a counter."""
        sa, header = self._sa, message.header
        if sa.state is State.CLOSED:
            return "ike_sa_closed"
        if header.spi_i != sa.spi_i:
            return "wrong_ike_spi"
        initial = header.exchange == ExchangeType.IKE_SA_INIT
        if header.spi_r != sa.spi_r and not initial:
            return "wrong_ike_spi"
        if message.from_initiator == sa.is_initiator:
            return "reflected_message"
        return None

    def _drop(self, reason: str, datagram: Datagram, detail: str = "") -> None:
        self._sa.emit(MessageDropped(reason, str(datagram.remote), detail))

    def _open(self, message: Message, datagram: Datagram, now: float) -> Opened | None:
        """The authentic inside of a message; None when it is dropped."""
        keyring, sealed = self._sa.keyring, sealed_payload(message)
        if keyring is None or sealed is None or len(message.payloads) != 1:
            self._drop("unprotected_message", datagram)
            return None
        try:
            opened = keyring.open(datagram.payload, sealed)
        except IntegrityFailure as error:
            self._drop("ike_integrity_check_failed", datagram, str(error))
            return None
        self._heard_from(datagram, now)
        return opened

    def _heard_from(self, datagram: Datagram, now: float) -> None:
        """An authentic message, seen for the first time (RFC 7296 section 2.23)."""
        sa = self._sa
        sa.heard(now)
        if sa.state is State.HALF_OPEN:
            # Whoever found a NAT goes on from port 4500; at another address there is only somebody
            # who passes its message on, unless its NAT has many.
            if sa.path.follows_peer or datagram.remote.ip == sa.path.remote.ip:
                sa.path = replace(sa.path, local=datagram.local, remote=datagram.remote)
        elif sa.path.follows_peer and datagram.remote != sa.path.remote:
            sa.path = replace(sa.path, remote=datagram.remote)
            sa.children.move(sa.path)

    # --- responses to us ---------------------------------------------------------------------

    def _receive_response(self, message: Message, datagram: Datagram, now: float) -> None:
        task, header = self._sa.current, message.header
        expected = self._requests.expects(header.message_id)
        if task is None or not expected or header.exchange != task.exchange:
            self._drop("unexpected_response", datagram)
        elif header.exchange == ExchangeType.IKE_SA_INIT:
            self._receive_init_response(task, message, datagram, now)
        elif (opened := self._open(message, datagram, now)) is not None:
            self._close_request()
            self._process(task, opened, Inbound(datagram, header, ()), now)

    def _process(self, task: Task, opened: Opened, empty: Inbound, now: float) -> None:
        """Have a task take its authentic response; ``empty`` lacks the payloads."""
        try:
            payloads = _parse(opened)
            check(task.response_shape(payloads), payloads)
            following = task.process(self._sa, replace(empty, payloads=payloads), now)
        except ExchangeError as error:
            self._fail(task, error, now)
            return
        refusal = first_error(payloads)
        if refusal is not None and refusal.type == NotifyType.INVALID_SYNTAX:
            self._sa.end("the peer calls our message malformed")
        elif following is not None:
            self.begin(following, now)

    def _receive_init_response(
        self, task: Task, message: Message, datagram: Datagram, now: float
    ) -> None:
        if datagram.payload == self._last_init_response:
            self._drop("repeated_response", datagram)
            return
        self._last_init_response = datagram.payload
        try:
            check(task.response_shape(message.payloads), message.payloads)
            inbound = Inbound(datagram, message.header, message.payloads)
            following = task.process(self._sa, inbound, now)
        except ExchangeError as error:
            self._doubtful = self._doubtful or error
            return
        self._doubtful = None
        self._close_request()
        if following is not None:
            self.begin(following, now)

    def _fail(self, task: Task, error: ExchangeError, now: float) -> None:
        sa = self._sa
        task.failed(sa, error, now)
        if isinstance(error, PeerRefused) and error.received.type == NotifyType.INVALID_SYNTAX:
            sa.end(error.explanation)  # fatal on both sides (RFC 7296 section 2.21.3)
        elif error.fatal and sa.state in (State.ESTABLISHED, State.REPLACED):
            sa.agenda.add_first(DeleteIke(error.explanation))

    # --- requests of the peer ----------------------------------------------------------------

    def _receive_request(self, message: Message, datagram: Datagram, now: float) -> None:
        match self._responses.classify(message.header.message_id):
            case Arrival.OUTSIDE:
                self._drop("message_id_outside_window", datagram)
            case Arrival.AGAIN:
                cached = self._responses.cached(datagram.payload)
                if cached is None:
                    self._drop("message_id_used_before", datagram)
                else:
                    self._answer_to(datagram, cached, now)
            case Arrival.NEW:
                if message.header.exchange == ExchangeType.IKE_SA_INIT:
                    self._receive_init_request(message, datagram, now)
                else:
                    self._receive_protected_request(message, datagram, now)

    def _answer_to(self, datagram: Datagram, octets: bytes, now: float) -> None:
        """A response goes where the request came from (RFC 7296 section 2.11)."""
        self._transmit(octets, datagram, now)

    def _receive_init_request(self, message: Message, datagram: Datagram, now: float) -> None:
        sa = self._sa
        if sa.state is not State.IDLE or sa.is_initiator:
            self._drop("unexpected_ike_sa_init", datagram)
            return
        try:
            check(Shape.INIT_REQUEST, message.payloads)
            payloads = init.respond(sa, Inbound(datagram, message.header, message.payloads), now)
        except ExchangeError as error:
            payloads = [notify_for(error) or NotifyPayload(NotifyType.NO_PROPOSAL_CHOSEN)]
            if not isinstance(error, _EVERYDAY):
                sa.report("IKE SA", error, waiting=False)
            sa.end(error.explanation)
        response = self._emit(self._head(ExchangeType.IKE_SA_INIT, 0, response=True), payloads)
        self._responses.answered(datagram.payload, response)
        if sa.handshake is not None:
            sa.handshake.response = response
        self._answer_to(datagram, response, now)

    def _receive_protected_request(self, message: Message, datagram: Datagram, now: float) -> None:
        sa, header = self._sa, message.header
        authenticating = header.exchange == ExchangeType.IKE_AUTH
        unready = (State.IDLE, State.INIT_SENT, State.AUTH_SENT, State.REFUSED)
        if sa.state in unready or authenticating != (sa.state is State.HALF_OPEN):
            self._drop("request_out_of_order", datagram)
            return
        opened = self._open(message, datagram, now)
        if opened is None:
            return
        payloads, error = self._respond(opened, datagram, message, now)
        response = self._emit(
            self._head(header.exchange, header.message_id, response=True), payloads
        )
        self._responses.answered(datagram.payload, response)
        self._answer_to(datagram, response, now)
        if error is not None and error.fatal:
            self._fatal(error)

    def _respond(
        self, opened: Opened, datagram: Datagram, message: Message, now: float
    ) -> tuple[list[Payload], ExchangeError | None]:
        """The payloads of the response, and what went wrong."""
        sa, mode = self._sa, "message"
        try:
            payloads = _parse(opened)
            shape = request_shape(message.header.exchange, payloads)
            responder, mode = _RESPONDERS[shape]
            check(shape, payloads)
            return responder(sa, Inbound(datagram, message.header, payloads), now), None
        except ExchangeError as error:
            if not isinstance(error, _EVERYDAY):
                sa.report(mode, error, waiting=False)
            notify = notify_for(error)
            return ([notify] if notify is not None else []), error

    def _fatal(self, error: ExchangeError) -> None:
        """RFC 7296 sections 2.21.2 and 2.21.3: the SA is gone on both sides."""
        sa = self._sa
        if sa.state is State.HALF_OPEN:
            sa.advance(Event.AUTH_REFUSED)
        else:
            sa.end(error.explanation)


def _parse(opened: Opened) -> tuple[Payload, ...]:
    """`MalformedMessage` for authentic octets that are no payloads."""
    try:
        return opened.payloads()
    except Malformed as error:
        raise MalformedMessage(f"the peer sent a malformed message ({error})") from None
