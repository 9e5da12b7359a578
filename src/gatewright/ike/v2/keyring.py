"""The keys of one IKE SA at work: sealing and opening messages."""

from __future__ import annotations

from collections.abc import Sequence

from gatewright.crypto.ciphers import message_cipher
from gatewright.crypto.keymat_v2 import IkeKeys
from gatewright.ike.machine import RandomSource
from gatewright.ipsec.secret import Secret
from gatewright.policy.compiled import IkeProposal
from gatewright.wire.v2.message import (
    Head,
    Message,
    Payload,
    emit_chain,
    encrypted_prefix,
    parse_chain,
)
from gatewright.wire.v2.payloads.encrypted import EncryptedPayload


class Keyring:
    """What was agreed for the IKE SA, its keys, and the ciphers of both directions."""

    def __init__(self, proposal: IkeProposal, keys: IkeKeys, *, is_initiator: bool) -> None:
        self.proposal = proposal
        self._keys = keys
        to_responder = message_cipher(proposal.cipher, proposal.integrity, keys.sk_ei, keys.sk_ai)
        to_initiator = message_cipher(proposal.cipher, proposal.integrity, keys.sk_er, keys.sk_ar)
        self._sealing = to_responder if is_initiator else to_initiator
        self._opening = to_initiator if is_initiator else to_responder

    @property
    def keys(self) -> IkeKeys:
        return self._keys

    @property
    def sk_d(self) -> Secret:
        return self._keys.sk_d

    @property
    def algorithms(self) -> str:
        """For people: ``aes-128-gcm / prf-hmac-sha256 / x25519``."""
        parts = [self.proposal.cipher.name]
        if self.proposal.integrity is not None:
            parts.append(self.proposal.integrity.name)
        return " / ".join([*parts, self.proposal.prf.name, self.proposal.group.name])

    def seal(self, head: Head, payloads: Sequence[Payload], random: RandomSource) -> bytes:
        """A message whose payloads are all inside its SK payload."""
        first, plaintext = emit_chain(payloads)
        prefix = encrypted_prefix(head, first, self._sealing.body_length(len(plaintext)))
        return prefix + self._sealing.seal(prefix, plaintext, random)

    def open(self, octets: bytes, sealed: EncryptedPayload) -> Opened:
        """What is inside; raises `gatewright.crypto.ciphers.IntegrityFailure`.

        ``sealed`` is the last payload of the message ``octets``.
        """
        prefix = octets[: len(octets) - len(sealed.octets)]
        return Opened(sealed.first, self._opening.open(prefix, sealed.octets))


class Opened:
    """Authentic octets that are not parsed yet."""

    __slots__ = ("_first", "_octets")

    def __init__(self, first: int, octets: bytes) -> None:
        self._first = first
        self._octets = octets

    def payloads(self) -> tuple[Payload, ...]:
        """Raises `gatewright.wire.codec.Malformed`."""
        return parse_chain(self._first, self._octets)


def sealed_payload(message: Message) -> EncryptedPayload | None:
    """The SK payload that ends a message, or None when it has none."""
    last = message.payloads[-1] if message.payloads else None
    return last if isinstance(last, EncryptedPayload) else None
