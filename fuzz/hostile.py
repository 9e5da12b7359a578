"""A peer that has the right keys and says wrong things under them.

What it emits is changed before it is sealed and hashed, so that authentic garbage reaches the
handlers of payloads behind decryption, which no change to octets on the wire ever does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from fuzz.chains import HEADER, join, split, with_chain
from fuzz.mutate import Mutator
from gatewright.ike.endpoint import Endpoint
from gatewright.ike.machine import Datagram
from gatewright.ike.outputs import Output
from gatewright.ike.v1 import core as v1_core
from gatewright.ike.v1 import identification
from gatewright.ike.v1.tasks import informational as v1_informational
from gatewright.ike.v1.tasks import quick_mode as v1_quick
from gatewright.ike.v2 import exchanges as v2_exchanges
from gatewright.ike.v2 import identities
from gatewright.ike.v2 import keyring as v2_keyring
from gatewright.policy.compiled import Identity
from gatewright.wire.v1 import message as v1_message
from gatewright.wire.v1.payload import Payload as V1Payload
from gatewright.wire.v1.payloads.hash import HashPayload
from gatewright.wire.v1.payloads.identification import IdentificationPayload
from gatewright.wire.v2 import message as v2_message
from gatewright.wire.v2.payloads.identification import IdPayload

_HASH = 8
_LARGEST = 60_000  # octets that one datagram carries in any case
_OCTETS_SHARE = 0.1  # of lies that do not care for payloads


class Liar:
    """Decides, emission by emission, whether to lie.  Honest while ``armed`` is False.

    ``chance``: the share of emissions that are changed.
    """

    def __init__(self, mutator: Mutator, chance: float) -> None:
        self.armed = False
        self.lies = 0
        self._mutator = mutator
        self._chance = chance
        self._covered: tuple[Sequence[V1Payload], int, bytes] = ((), 0, b"")

    @property
    def lying(self) -> bool:
        lies = self.armed and self._mutator.random.random() < self._chance
        self.lies += lies
        return lies

    def chain(self, first: int, octets: bytes) -> tuple[int, bytes]:
        """A chain, changed or not."""
        if not self.lying:
            return first, octets
        if self._mutator.random.random() < _OCTETS_SHARE:
            return first, self._mutator.octets(octets)
        changed = join(self._mutator.chain(split(first, octets)))
        return changed if len(changed[1]) < _LARGEST else (first, octets)

    def v2_chain(self, payloads: Sequence[v2_message.Payload]) -> tuple[int, bytes]:
        return self.chain(*v2_message.emit_chain(payloads))

    def v2_message(self, head: v2_message.Head, payloads: Sequence[v2_message.Payload]) -> bytes:
        octets = v2_message.emit_message(head, payloads)
        if not self.lying:
            return octets
        return with_chain(octets, self._mutator.chain(split(octets[16], octets[HEADER:])))

    def v1_chain(self, payloads: Sequence[V1Payload]) -> bytes:
        """A chain without a hash, or one whose hash was made over what the last call gave."""
        if not payloads:
            return b""
        if not isinstance(payloads[0], HashPayload):
            first = payloads[0].number
            kind, octets = self.chain(first, v1_message.emit_chain(payloads))
            self._covered = (payloads, kind, octets)
            return octets
        covered, kind, octets = self._covered
        own = v1_message.emit_chain(payloads[:1])
        if len(payloads) > 1 and tuple(covered) == tuple(payloads[1:]):
            return bytes((kind,)) + own[1:] + octets
        return self.chain(_HASH, v1_message.emit_chain(payloads))[1]

    def v1_identity(self, identity: Identity) -> IdentificationPayload:
        honest = _v1_identity(identity)
        if not self.lying:
            return honest
        source = self._mutator.random
        data = self._mutator.octets(honest.data)
        kind = source.choice((honest.id_type, source.randrange(256)))
        return IdentificationPayload(kind, source.choice((0, 17, 6)), source.choice((0, 9)), data)

    def v2_identity(self, identity: Identity, payload_type: int) -> IdPayload:
        honest = _v2_identity(identity, payload_type)
        if not self.lying:
            return honest
        source = self._mutator.random
        kind = source.choice((honest.id_type, source.randrange(256)))
        return IdPayload(payload_type, kind, self._mutator.octets(honest.data))


_v1_identity = identification.identity_payload
_v2_identity = identities.to_payload


@contextmanager
def speaking_through(liar: Liar) -> Iterator[None]:
    """Everything that any endpoint emits goes through the liar, who lies for an armed one alone."""
    with ExitStack() as stack:
        for place, name, instead in (
            (v1_core, "emit_chain", liar.v1_chain),
            (v1_informational, "emit_chain", liar.v1_chain),
            (v1_quick, "emit_chain", liar.v1_chain),
            (identification, "identity_payload", liar.v1_identity),
            (v2_keyring, "emit_chain", liar.v2_chain),
            (v2_exchanges, "emit_message", liar.v2_message),
            (identities, "to_payload", liar.v2_identity),
        ):
            stack.enter_context(patch.object(place, name, instead))
        yield


class HostileEndpoint:
    """An endpoint that lies whatever makes it speak.  Has the inputs that the simulation gives."""

    def __init__(self, endpoint: Endpoint, liar: Liar) -> None:
        self.endpoint = endpoint
        self._liar = liar
        self.hostile = True

    @contextmanager
    def _speaking(self) -> Iterator[Endpoint]:
        self._liar.armed = self.hostile
        try:
            yield self.endpoint
        finally:
            self._liar.armed = False

    def receive(self, datagram: Datagram, now: float) -> None:
        with self._speaking() as endpoint:
            endpoint.receive(datagram, now)

    def handle_timeout(self, now: float) -> None:
        with self._speaking() as endpoint:
            endpoint.handle_timeout(now)

    def up(self, tunnel: str, now: float) -> None:
        with self._speaking() as endpoint:
            endpoint.up(tunnel, now)

    def down(self, tunnel: str, now: float) -> None:
        with self._speaking() as endpoint:
            endpoint.down(tunnel, now)

    def child_expiring(self, spi_in: int, hard: bool, now: float) -> None:
        with self._speaking() as endpoint:
            endpoint.child_expiring(spi_in, hard, now)

    def next_timeout(self) -> float | None:
        return self.endpoint.next_timeout()

    def take_outputs(self) -> list[Output]:
        return self.endpoint.take_outputs()
