"""A policy as the administrator wrote it, validated, in frozen values.

Short form: ``Tunnel``.  Long form: ``FilterList``, ``FilterAction``, ``KeyExchange``, ``Rule``; the
words are those of IP security policies since Windows 2000.  ``expand`` turns the first into the
second, ``compile`` the second into an SPD and a PAD.  A ``place`` says where in the file something
stands; it does not take part in comparison.  Times are in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from gatewright.iana.algorithms import Cipher, Group, Integrity, Prf
from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.compiled import (
    ConnectionType,
    Engine,
    Identity,
    IkeVersion,
    NatTraversal,
    StartMode,
)
from gatewright.policy.findings import NOWHERE, Place


class AddressKind(Enum):
    ANY = "any"
    ME = "me"
    RANGE = "range"  # a single address and a subnet are ranges too
    NAME = "dns"


@dataclass(frozen=True, slots=True)
class AddressSpec:
    """Source or destination of a filter, as written.

    ``first``/``last`` (inclusive) with kind RANGE, ``name`` with kind NAME.
    """

    kind: AddressKind
    first: IPAddress | None = None
    last: IPAddress | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A tunnel endpoint: an address, or a DNS name that stands for one."""

    address: IPAddress | None
    name: str = ""

    def __str__(self) -> str:
        return f"dns:{self.name}" if self.address is None else str(self.address)


@dataclass(frozen=True, slots=True)
class Ports:
    """A range of ports, both ends inclusive; 0 to 65535 is any."""

    first: int = 0
    last: int = 65535

    @property
    def any(self) -> bool:
        return self.first == 0 and self.last == 65535


ANY_PORTS = Ports()


@dataclass(frozen=True, slots=True)
class Filter:
    """Which packets: from ``source`` to ``destination``; ``mirrored`` also the other way round."""

    source: AddressSpec
    destination: AddressSpec
    protocol: int = 0
    source_ports: Ports = ANY_PORTS
    destination_ports: Ports = ANY_PORTS
    mirrored: bool = True
    description: str = ""
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class FilterList:
    name: str
    filters: tuple[Filter, ...]
    description: str = ""
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class IkeMethod:
    """One line of key-exchange algorithms; each combination of the alternatives is acceptable.

    ``integrities`` is empty if and only if the ciphers are AEADs.
    """

    ciphers: tuple[Cipher, ...]
    integrities: tuple[Integrity, ...]
    prfs: tuple[Prf, ...]
    groups: tuple[Group, ...]
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class EspMethod:
    """One line of ESP algorithms, a security method; each combination is acceptable.

    ``groups``: perfect forward secrecy with one of these; empty for none.
    ``lifetime``/``lifetime_kilobytes``: the session key's, kilobytes 0 for no limit.
    """

    ciphers: tuple[Cipher, ...]
    integrities: tuple[Integrity, ...]
    groups: tuple[Group, ...]
    esn: bool
    lifetime: int = 3600
    lifetime_kilobytes: int = 0
    place: Place = field(default=NOWHERE, compare=False)


class ActionKind(Enum):
    PERMIT = "permit"
    BLOCK = "block"
    NEGOTIATE = "negotiate"


@dataclass(frozen=True, slots=True)
class FilterAction:
    """``methods`` are empty unless the kind is NEGOTIATE.  ``profile`` is the name it was made
    from, "" for algorithms written out.

    ``pfs_of_key_exchange``: perfect forward secrecy is on and the methods name no group, so that
    the groups of the key exchange are meant, as in Windows.
    ``accept_unsecured``: "accept unsecured communication, but always respond using IPsec".
    ``allow_fallback``: go on in clear with a peer that does not answer IKE.
    """

    name: str
    kind: ActionKind
    methods: tuple[EspMethod, ...] = ()
    pfs_of_key_exchange: bool = False
    accept_unsecured: bool = False
    allow_fallback: bool = False
    description: str = ""
    profile: str = field(default="", compare=False)
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class KeyExchange:
    """Settings of an IKE SA (main mode SA).

    ``child_limit``: quick modes per main mode, 0 for no limit; master key perfect forward secrecy
    is a limit of 1.
    """

    name: str
    version: IkeVersion
    methods: tuple[IkeMethod, ...]
    lifetime: int = 28800
    child_limit: int = 0
    dpd_delay: int = 30
    dpd_timeout: int = 150
    nat_traversal: NatTraversal = NatTraversal.AUTO
    profile: str = field(default="", compare=False)
    place: Place = field(default=NOWHERE, compare=False)


class Direction(Enum):
    """Of a tunnel rule: seen from this gateway."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


@dataclass(frozen=True, slots=True)
class Rule:
    """One filter list with what happens to its packets.

    ``secret`` names the preshared key, "" for none (permit and block).  ``endpoint`` is the gateway
    to which the selected packets are tunnelled: the peer in an outbound rule, ourselves in an
    inbound one; ``endpoint_identity`` is that gateway's.  ``tunnel`` is a name that the two rules
    of a tunnel share, "" if not written.
    """

    name: str
    filter_list: str
    filter_action: str
    secret: str = ""
    endpoint: Endpoint | None = None
    endpoint_identity: Identity | None = None
    connection_type: ConnectionType = ConnectionType.ALL
    enabled: bool = True
    key_exchange: str = ""
    tunnel: str = ""
    direction: Direction | None = None
    start: StartMode = StartMode.ON_DEMAND
    description: str = ""
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a tunnel in the short form."""

    endpoint: Endpoint
    networks: tuple[AddressSpec, ...]
    identity: Identity | None = None
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Tunnel:
    """The short form: two gateways and their networks."""

    name: str
    local: Side
    remote: Side
    secret: str
    key_exchange: KeyExchange
    filter_action: FilterAction
    start: StartMode = StartMode.ON_DEMAND
    connection_type: ConnectionType = ConnectionType.ALL
    enabled: bool = True
    description: str = ""
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Interfaces:
    """Names of the interfaces towards the own network and towards the Internet."""

    internal: str | None = None
    external: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy file.  References by name are resolved: each name that is used exists."""

    name: str
    description: str = ""
    interfaces: Interfaces = Interfaces()
    engine: Engine = Engine.USER_SPACE
    tunnels: tuple[Tunnel, ...] = ()
    filter_lists: tuple[FilterList, ...] = ()
    filter_actions: tuple[FilterAction, ...] = ()
    key_exchanges: tuple[KeyExchange, ...] = ()
    rules: tuple[Rule, ...] = ()
    place: Place = field(default=NOWHERE, compare=False)

    @property
    def filename(self) -> str:
        return self.place.file
