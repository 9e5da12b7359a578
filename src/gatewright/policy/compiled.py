"""What a policy compiles to: an ordered SPD and a PAD (RFC 4301 section 4.4), in frozen values.

``policy.compile`` makes these; ``ike`` reads the connections, the data plane the SPD entries, the
host part both.  All names that appear to the administrator (tunnel, child, rule) are those of the
policy file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum

from gatewright.iana.algorithms import Cipher, Group, Integrity, Prf
from gatewright.ipsec.selectors import IPAddress, TrafficSelector


class IkeVersion(IntEnum):
    V1 = 1
    V2 = 2


class IdentityType(Enum):
    """The identification types of RFC 7296 section 3.5 that a policy can write."""

    ADDRESS = "address"
    FQDN = "fqdn"
    EMAIL = "email"
    KEY_ID = "key-id"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody says to be.

    ``value`` is text: an address, a name, ``user@fqdn``, or hex of a key id.
    """

    type: IdentityType
    value: str

    def __str__(self) -> str:
        return (
            self.value if self.type is IdentityType.ADDRESS else f"{self.type.value}:{self.value}"
        )


@dataclass(frozen=True, slots=True)
class PresharedKey:
    """Authentication by a preshared key; ``secret`` is its name, the key lies elsewhere."""

    secret: str


@dataclass(frozen=True, slots=True)
class IkeProposal:
    """One acceptable set of algorithms of an IKE SA: exactly one of each.

    ``integrity`` is None if and only if the cipher is an AEAD.  In IKEv1 ``prf`` stands for the
    hash, and ``integrity`` is the HMAC of the same hash (unused on the wire).
    """

    cipher: Cipher
    integrity: Integrity | None
    prf: Prf
    group: Group


@dataclass(frozen=True, slots=True)
class EspProposal:
    """One security method of ESP, in order of preference.

    ``group``: perfect forward secrecy of the session keys, None for without.
    ``lifetime_seconds``/``lifetime_kilobytes``: session key lifetime, kilobytes 0 for none.
    ``esn`` offers extended sequence numbers (IKEv2) and accepts both.
    """

    cipher: Cipher
    integrity: Integrity | None
    group: Group | None
    esn: bool
    lifetime_seconds: int
    lifetime_kilobytes: int


class StartMode(Enum):
    """When the tunnel comes up: by the first packet (as in the article), or at assignment."""

    ON_DEMAND = "on-demand"
    ALWAYS = "always"


class NatTraversal(Enum):
    """``AUTO`` encapsulates in UDP when a NAT is detected, ``FORCE`` always, ``OFF`` never."""

    AUTO = "auto"
    FORCE = "force"
    OFF = "off"


class ConnectionType(Enum):
    """Which kind of external interface a tunnel rule is for."""

    ALL = "all"
    LAN = "lan"
    REMOTE_ACCESS = "remote-access"  # dial-up and other point-to-point links


@dataclass(frozen=True, slots=True)
class Child:
    """One pair of traffic selector sets under a connection, and how to protect it.

    ``policy_id`` is that of the outbound SPD entry.  In IKEv1 each child has one local and one
    remote selector (quick mode carries one subnet pair); the compiler splits accordingly.
    """

    name: str
    policy_id: int
    local: tuple[TrafficSelector, ...]
    remote: tuple[TrafficSelector, ...]
    proposals: tuple[EspProposal, ...]
    start: StartMode


@dataclass(frozen=True, slots=True)
class Connection:
    """One peer gateway: the PAD entry, the settings of its IKE SA, and its children.

    Times in seconds.  ``lifetime`` is that of the IKE SA; ``child_limit`` quick mode SAs per main
    mode SA (0: no limit; 1 is the master key PFS of Windows).  ``dpd_delay`` 0 switches liveness
    checks off; ``dpd_timeout`` is how long an IKEv1 peer may stay silent (IKEv2 uses its
    retransmissions).
    ``source`` is ``file:line`` of the tunnel or rule in the policy file.
    """

    name: str
    version: IkeVersion
    local: IPAddress
    remote: IPAddress
    local_identity: Identity
    remote_identity: Identity
    authentication: PresharedKey
    proposals: tuple[IkeProposal, ...]
    children: tuple[Child, ...]
    lifetime: int = 28800
    child_limit: int = 0
    dpd_delay: int = 30
    dpd_timeout: int = 150
    nat_traversal: NatTraversal = NatTraversal.AUTO
    connection_type: ConnectionType = ConnectionType.ALL
    source: str = ""


class Action(Enum):
    """What happens to a packet that an SPD entry selects (RFC 4301 section 4.4.1)."""

    PROTECT = "protect"
    BYPASS = "bypass"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True)
class SpdEntry:
    """One SPD entry, for both directions: outbound ``local`` to ``remote``, inbound mirrored.

    ``id`` is stable: it is derived from the content, so that an unchanged entry keeps its number
    over a reassignment.  1 to 2**31 - 1.
    ``tunnel``/``child`` are set if and only if the action is PROTECT, and so are ``gateways``: the
    outer addresses as the policy has them, ours and the peer's.
    """

    id: int
    name: str
    action: Action
    local: tuple[TrafficSelector, ...]
    remote: tuple[TrafficSelector, ...]
    tunnel: str = ""
    child: str = ""
    gateways: tuple[IPAddress, IPAddress] | None = None


class Engine(Enum):
    """Which data plane carries the traffic.  AUTO: the kernel's where it can do all, else ours."""

    USER_SPACE = "user-space"
    KERNEL = "kernel"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """An assigned policy, ready to execute: the SPD in order of evaluation and the PAD.

    ``engine`` is as written; the daemon decides AUTO before it puts the policy in force.
    """

    name: str
    connections: tuple[Connection, ...]
    spd: tuple[SpdEntry, ...]
    internal_interface: str | None = None
    external_interface: str | None = None
    source: str = ""
    secrets: frozenset[str] = field(default_factory=frozenset)
    engine: Engine = Engine.USER_SPACE
