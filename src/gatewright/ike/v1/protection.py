"""The encryption of messages under a main mode SA (RFC 2409 section 5 and appendix B).

Messages are encrypted in CBC mode without an IV of their own: each exchange has a chain, in which
the IV of a message is the last ciphertext block of the one before.  Integrity comes from HASH
payloads, not from here: whatever has whole blocks decrypts to something.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.crypto.ciphers import cbc_decrypt, cbc_encrypt
from gatewright.crypto.keymat_v1 import PhaseOneKeys, phase_two_iv
from gatewright.iana.algorithms import Cipher, Prf
from gatewright.wire.codec import Malformed


class CbcChain:
    """The messages of one exchange.

    A received message moves the chain only when `accept` says that it was genuine: so nobody can
    break an exchange by injecting octets.
    """

    __slots__ = ("_cipher", "_key", "iv")

    def __init__(self, cipher: Cipher, keys: PhaseOneKeys, iv: bytes) -> None:
        self._cipher = cipher
        self._key = keys.encryption_key
        self.iv = iv

    def seal(self, plaintext: bytes) -> bytes:
        """Padded with zeros to whole blocks (RFC 2409 appendix B)."""
        padded = plaintext + bytes(-len(plaintext) % self._cipher.block)
        ciphertext = cbc_encrypt(self._cipher, self._key.reveal(), self.iv, padded)
        self.accept(ciphertext)
        return ciphertext

    def open(self, ciphertext: bytes) -> bytes:
        """Raises `Malformed` for what is not whole blocks."""
        if not ciphertext or len(ciphertext) % self._cipher.block:
            raise Malformed("not_whole_blocks", f"{len(ciphertext)} octets of ciphertext")
        return cbc_decrypt(self._cipher, self._key.reveal(), self.iv, ciphertext)

    def accept(self, ciphertext: bytes) -> None:
        self.iv = ciphertext[-self._cipher.block :]


@dataclass(frozen=True, slots=True)
class Protection:
    """What protects the exchanges of one main mode SA.  ``main`` is main mode's own chain."""

    prf: Prf
    cipher: Cipher
    keys: PhaseOneKeys
    main: CbcChain

    def chain(self, message_id: int) -> CbcChain:
        """A new chain, for a quick mode or an informational message.

        It begins with the last block of main mode so far, which both sides know.
        """
        iv = phase_two_iv(self.prf, self.cipher, self.main.iv, message_id)
        return CbcChain(self.cipher, self.keys, iv)
