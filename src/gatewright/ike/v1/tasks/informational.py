"""Informational exchanges (RFC 2409 section 5.7)::

    HDR*, HASH(1), N/D  -->

One message without an answer.  A reliable delete (MS-IKEE section 3.8) has a nonce in it and is
repeated until it is acknowledged; it goes to peers that know it::

    HDR*, HASH(1), Ni, D  -->
                          <--  HDR*, HASH(2), Nr, D
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest

from gatewright.crypto.keymat_v1 import informational_hash
from gatewright.crypto.prf import prf
from gatewright.iana.ikev1 import ExchangeType
from gatewright.ike.v1 import rules
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.protection import CbcChain
from gatewright.ike.v1.retransmit import Answered, Repeater
from gatewright.ike.v1.rules import Shape
from gatewright.wire.codec import Malformed
from gatewright.wire.v1.message import Chain, Message, emit_chain, emit_message, parse_chain
from gatewright.wire.v1.payload import Payload
from gatewright.wire.v1.payloads.delete import DeletePayload
from gatewright.wire.v1.payloads.hash import HashPayload
from gatewright.wire.v1.payloads.nonce import NoncePayload

_REMEMBERED = 512
_REMEMBERED_OWN = 65536  # more than one SA sends in its life
_NONCE_LENGTH = 20


class Unauthentic(Exception):
    """An informational message that is not the peer's, or is an old one of its.

    ``reason`` is the name of a counter.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class _Unacknowledged:
    """A reliable delete that waits: ``chain`` is that of its exchange, ``nonce`` its Ni_b."""

    nonce: bytes
    chain: CbcChain
    repeater: Repeater


class Informational:
    """Both directions of one main mode SA; remembers the newest message IDs against replay.

    Both directions have the same keys, and nothing in a message tells its sender: whoever sends us
    our own question back would pass for the peer, were our own message IDs not remembered.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._seen: deque[int] = deque(maxlen=_REMEMBERED)
        self._sent: dict[int, None] = {}
        self._unacknowledged: dict[int, _Unacknowledged] = {}
        self._acknowledged: Answered | None = None

    def send(self, payloads: Sequence[Payload]) -> bytes:
        """Send a message with these payloads; gives its octets."""
        message_id = self._core.new_message_id()
        octets, _ = self._sealed(message_id, payloads)
        self._core.transmit(octets)
        return octets

    def send_delete(self, payload: DeletePayload, now: float) -> None:
        """Send it so that it arrives, if the peer can acknowledge it."""
        core = self._core
        if not core.peer.acknowledges_deletes:
            self.send((payload,))
            return
        message_id = core.new_message_id()
        nonce = NoncePayload(core.context.random(_NONCE_LENGTH))
        octets, chain = self._sealed(message_id, (nonce, payload))
        core.transmit(octets)
        repeater = Repeater.begin(octets, core.context.timing, now)
        self._unacknowledged[message_id] = _Unacknowledged(nonce.data, chain, repeater)

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be acknowledged."""
        return not self._unacknowledged

    def next_timeout(self) -> float | None:
        waiting = self._unacknowledged.values()
        return min((each.repeater.deadline for each in waiting), default=None)

    def handle_timeout(self, now: float) -> None:
        for message_id, each in list(self._unacknowledged.items()):
            if now < each.repeater.deadline:
                continue
            if each.repeater.exhausted:
                del self._unacknowledged[message_id]
            else:
                self._core.transmit(each.repeater.octets)
                each.repeater.sent_again(now)

    def take_acknowledgement(self, message: Message) -> bool:
        """Whether the message answers a delete of ours; one that is not authentic changes
        nothing."""
        message_id = message.header.message_id
        waiting = self._unacknowledged.get(message_id)
        if waiting is None:
            return False
        try:
            plaintext = waiting.chain.open(message.body)
            chain = parse_chain(message.header.next_payload, plaintext, padded=True)
        except Malformed:
            return True
        first = chain.payloads[0] if chain.payloads else None
        expected = self._acknowledging_hash(waiting.nonce, message_id, chain.after_first)
        if isinstance(first, HashPayload) and compare_digest(first.data, expected):
            del self._unacknowledged[message_id]
        return True

    def open(self, message: Message) -> Chain:
        """The payloads of an encrypted message; raises `Unauthentic` or `ExchangeError`."""
        secured = self._core.secured
        message_id = message.header.message_id
        if message_id in self._seen:
            if self._acknowledged is not None and self._acknowledged.received == message.body:
                self._core.transmit(self._acknowledged.answer or b"")
            raise Unauthentic("informational_repeated")
        if message_id in self._sent:
            raise Unauthentic("informational_number_is_ours")  # or an acknowledgement again
        try:
            plaintext = secured.chain(message_id).open(message.body)
            chain = parse_chain(message.header.next_payload, plaintext, padded=True)
        except Malformed as error:
            raise Unauthentic("informational_unreadable") from error
        first = chain.payloads[0] if chain.payloads else None
        if not isinstance(first, HashPayload):
            raise Unauthentic("informational_without_hash")
        expected = informational_hash(secured.prf, secured.keys, message_id, chain.after_first)
        if not compare_digest(first.data, expected):
            raise Unauthentic("informational_wrong_hash")
        self._seen.append(message_id)
        rules.check(Shape.INFORMATIONAL, chain)
        return chain

    def acknowledge(self, message: Message, chain: Chain) -> None:
        """Answer a reliable delete, in the same exchange: HASH(2) covers Ni_b, the message ID and
        what follows it (MS-IKEE section 3.8.5.1)."""
        core, secured = self._core, self._core.secured
        nonce = chain.first(NoncePayload)
        deletes = chain.all(DeletePayload)
        if nonce is None or not deletes:
            return
        message_id = message.header.message_id
        payloads: tuple[Payload, ...] = (NoncePayload(core.context.random(_NONCE_LENGTH)), *deletes)
        own = self._acknowledging_hash(nonce.data, message_id, emit_chain(payloads))
        exchange = secured.chain(message_id)
        exchange.accept(message.body)
        answer = exchange.seal(emit_chain((HashPayload(own), *payloads)))
        octets = self._message(message_id, answer)
        core.transmit(octets)
        self._acknowledged = Answered(message.body, octets)

    def _acknowledging_hash(self, nonce: bytes, message_id: int, covered: bytes) -> bytes:
        secured = self._core.secured
        data = nonce + message_id.to_bytes(4, "big") + covered
        return prf(secured.prf, secured.keys.skeyid_a.reveal(), data)

    def _sealed(self, message_id: int, payloads: Sequence[Payload]) -> tuple[bytes, CbcChain]:
        secured = self._core.secured
        self._sent[message_id] = None
        if len(self._sent) > _REMEMBERED_OWN:
            del self._sent[next(iter(self._sent))]
        own = informational_hash(secured.prf, secured.keys, message_id, emit_chain(payloads))
        chain = secured.chain(message_id)
        sealed = chain.seal(emit_chain((HashPayload(own), *payloads)))
        return self._message(message_id, sealed), chain

    def _message(self, message_id: int, sealed: bytes) -> bytes:
        return emit_message(
            self._core.cookie_i,
            self._core.cookie_r,
            ExchangeType.INFORMATIONAL,
            message_id,
            HashPayload.number,
            sealed,
            encrypted=True,
        )
