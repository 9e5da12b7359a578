"""Everything that an IKE machine can ask of the world or tell it.

Commands are imperative, events in the past tense; all are frozen, so that a test can compare them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from gatewright.ipsec.association import ChildSa
from gatewright.ipsec.secret import Secret

if TYPE_CHECKING:
    from gatewright.ike.machine import Datagram, Session


class Fault(Enum):
    """Whose fault a failure is; decides what goes on the wire and what is advised."""

    MALFORMED = "malformed"  # the octets are no message
    PEER_VIOLATION = "peer violated the protocol"
    NOTHING_IN_COMMON = "nothing in common"  # both are right, and do not agree
    AUTHENTICATION = "authentication failed"
    TIMEOUT = "no answer"
    REFUSED = "the peer refused"  # it said so in a notify
    LOCAL = "local"  # our own policy or limits


@dataclass(frozen=True, slots=True)
class Difference:
    """One item on which two sides do not agree: ``item`` ("encryption", "remote traffic selector",
    "preshared key", ...), what this side wants and what the peer wants, in words."""

    item: str
    ours: str
    theirs: str


# --- commands ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send this datagram."""

    datagram: Datagram


@dataclass(frozen=True, slots=True)
class SendNatKeepalive:
    """Send one 0xff octet from port 4500 (RFC 3948 section 2.3); the payload is empty here."""

    datagram: Datagram


@dataclass(frozen=True, slots=True)
class InstallChildSa:
    """Install both halves.  ``replaces`` is the ``spi_in`` of the pair that it rekeys."""

    sa: ChildSa
    replaces: int | None = None


@dataclass(frozen=True, slots=True)
class ActivateChildSa:
    """End the outbound standby of this pair."""

    spi_in: int


@dataclass(frozen=True, slots=True)
class UpdateTransport:
    """The peer's outer address or port moved (NAT rebinding, RFC 7296 section 2.23)."""

    spi_in: int
    remote: str
    remote_port: int


@dataclass(frozen=True, slots=True)
class DeleteChildSa:
    """Remove both halves."""

    spi_in: int
    reason: str


@dataclass(frozen=True, slots=True)
class AdoptSession:
    """An IKE SA rekey made this new session; the endpoint takes it in (children moved already).

    In IKEv1 also a session that is known already and that another one has changed: the endpoint
    looks again at its children, outputs, timeout and end.
    """

    session: Session


@dataclass(frozen=True, slots=True)
class CloseOtherSessions:
    """The peer authenticated itself and said INITIAL_CONTACT (RFC 7296 section 2.4): it has no
    other SA with us, so the endpoint drops the other sessions of this tunnel without a word."""

    tunnel: str


# --- events -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IkeSaEstablished:
    """``algorithms`` in words, e.g. ``aes-128-gcm / prf-hmac-sha256 / x25519``."""

    tunnel: str
    version: int
    initiator: bool
    local: str
    remote: str
    peer_identity: str
    algorithms: str
    spi_i: str
    spi_r: str
    rekeyed: bool = False


@dataclass(frozen=True, slots=True)
class IkeSaClosed:
    tunnel: str
    spi_i: str
    spi_r: str
    reason: str


@dataclass(frozen=True, slots=True)
class NegotiationFailed:
    """``mode`` is "IKE SA", "child SA", "main mode", "quick mode", ...; ``policy_ids`` are the
    SPD entries whose packets wait for it and can be given up; ``notify`` the name of the notify
    sent or received.  ``explanation`` is one or two sentences for the administrator: why, and what
    to change.  ``by_stranger``: whoever began it has not authenticated itself, so that anybody who
    can write the peer's address may have caused it."""

    tunnel: str
    mode: str
    fault: Fault
    explanation: str
    differences: tuple[Difference, ...] = ()
    notify: str = ""
    child: str = ""
    policy_ids: tuple[int, ...] = ()
    remote: str = ""
    by_stranger: bool = False


@dataclass(frozen=True, slots=True)
class ChildSaEstablished:
    """The audit side of ``InstallChildSa``."""

    sa: ChildSa
    initiator: bool
    replaces: int | None = None


@dataclass(frozen=True, slots=True)
class ChildSaClosed:
    tunnel: str
    child: str
    spi_in: int
    spi_out: int
    reason: str


@dataclass(frozen=True, slots=True)
class MessageDropped:
    """A datagram that changed nothing.  ``reason`` is the name of a counter (snake_case)."""

    reason: str
    remote: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PeerSilent:
    """Liveness checks got no answer; the SA is given up and, if wanted, negotiated anew."""

    tunnel: str
    remote: str


@dataclass(frozen=True, slots=True)
class KeysDerived:
    """Keys for a protocol analyser, only with ``Context.export_keys``.  IKEv1 fills ``sk_ei`` with
    the encryption key and leaves the others empty."""

    tunnel: str
    version: int
    spi_i: str
    spi_r: str
    cipher: str
    integrity: str
    sk_ei: Secret
    sk_er: Secret
    sk_ai: Secret
    sk_ar: Secret


Output = (
    Transmit
    | SendNatKeepalive
    | InstallChildSa
    | ActivateChildSa
    | UpdateTransport
    | DeleteChildSa
    | AdoptSession
    | CloseOtherSessions
    | IkeSaEstablished
    | IkeSaClosed
    | NegotiationFailed
    | ChildSaEstablished
    | ChildSaClosed
    | MessageDropped
    | PeerSilent
    | KeysDerived
)


# --- snapshots --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChildSaSnapshot:
    child: str
    policy_id: int
    spi_in: int
    spi_out: int
    algorithms: str
    encapsulation: str
    state: str
    age: float
    rekey_in: float | None
    expires_in: float | None


@dataclass(frozen=True, slots=True)
class IkeSaSnapshot:
    tunnel: str
    version: int
    state: str
    initiator: bool
    local: str
    remote: str
    peer_identity: str
    algorithms: str
    nat: str  # "none", "local", "remote", "both"
    spi_i: str
    spi_r: str
    age: float
    rekey_in: float | None
    expires_in: float | None
    children: tuple[ChildSaSnapshot, ...] = field(default=())
