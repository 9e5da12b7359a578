"""Informational exchanges (RFC 2409 section 5.7)::

    HDR*, HASH(1), N/D  -->

One message without an answer.  Microsoft's reliable delete has a nonce in it and is repeated until
it is acknowledged (MS-IKEE section 3.8)::

    HDR*, HASH(1), Ni, D  -->
                          <--  HDR*, HASH(2), Nr, D
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from hmac import compare_digest

from gatewright.crypto.keymat_v1 import informational_hash
from gatewright.crypto.prf import prf
from gatewright.iana.ikev1 import ExchangeType
from gatewright.ike.v1 import rules
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.rules import Shape
from gatewright.wire.codec import Malformed
from gatewright.wire.v1.message import Chain, Message, emit_chain, emit_message, parse_chain
from gatewright.wire.v1.payload import Payload
from gatewright.wire.v1.payloads.delete import DeletePayload
from gatewright.wire.v1.payloads.hash import HashPayload
from gatewright.wire.v1.payloads.nonce import NoncePayload

_REMEMBERED = 512
_NONCE_LENGTH = 20


class Unauthentic(Exception):
    """An informational message that is not the peer's, or is an old one of its.

    ``reason`` is the name of a counter.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Informational:
    """Both directions of one main mode SA; remembers the newest message IDs against replay."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._seen: deque[int] = deque(maxlen=_REMEMBERED)

    def send(self, payloads: Sequence[Payload]) -> bytes:
        """Send a message with these payloads; gives its octets."""
        core = self._core
        secured = core.secured
        message_id = core.new_message_id()
        covered = emit_chain(payloads)
        own = informational_hash(secured.prf, secured.keys, message_id, covered)
        body = emit_chain((HashPayload(own), *payloads))
        octets = self._message(message_id, secured.chain(message_id).seal(body))
        core.transmit(octets)
        return octets

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

    def open(self, message: Message) -> Chain:
        """The payloads of an encrypted message; raises `Unauthentic` or `ExchangeError`."""
        secured = self._core.secured
        message_id = message.header.message_id
        if message_id in self._seen:
            raise Unauthentic("informational_repeated")
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
        covered = nonce.data + message_id.to_bytes(4, "big") + emit_chain(payloads)
        own = prf(secured.prf, secured.keys.skeyid_a.reveal(), covered)
        exchange = secured.chain(message_id)
        exchange.accept(message.body)
        core.transmit(
            self._message(message_id, exchange.seal(emit_chain((HashPayload(own), *payloads))))
        )
