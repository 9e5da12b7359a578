"""Between which addresses a main mode SA speaks, and which NATs lie there (RFC 3947)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from gatewright.iana import vendor_ids
from gatewright.iana.ikev1 import EncapsulationMode, PayloadType
from gatewright.iana.vendor_ids import VendorId
from gatewright.ike.machine import NAT_T_PORT, Address
from gatewright.ipsec.association import Encapsulation, Transport


@dataclass(frozen=True, slots=True)
class NatDialect:
    """How one version of NAT traversal numbers its payload and its encapsulation mode."""

    vendor_id: VendorId
    discovery: PayloadType
    mode: EncapsulationMode


_RFC = NatDialect(vendor_ids.RFC_3947, PayloadType.NAT_D, EncapsulationMode.UDP_TUNNEL)
_DRAFTS = tuple(
    NatDialect(row, PayloadType.NAT_D_DRAFT, EncapsulationMode.UDP_TUNNEL_DRAFT)
    for row in (vendor_ids.NAT_T_DRAFT_02_NEWLINE, vendor_ids.NAT_T_DRAFT_02)
)
NAT_DIALECTS: tuple[NatDialect, ...] = (_RFC, *_DRAFTS)
"""Best first."""


class Nat(Enum):
    """Whose address a NAT changes."""

    NONE = "none"
    LOCAL = "local"
    REMOTE = "remote"
    BOTH = "both"

    @classmethod
    def of(cls, *, local: bool, remote: bool) -> Nat:
        if local and remote:
            return cls.BOTH
        if local:
            return cls.LOCAL
        return cls.REMOTE if remote else cls.NONE

    @property
    def hides_us(self) -> bool:
        return self in (Nat.LOCAL, Nat.BOTH)


@dataclass(frozen=True, slots=True)
class Path:
    """``dialect`` is set when both sides speak one; ``udp``: ESP goes in UDP."""

    local: Address
    remote: Address
    dialect: NatDialect | None = None
    nat: Nat = Nat.NONE
    udp: bool = False

    @property
    def mode(self) -> EncapsulationMode:
        """The encapsulation mode that quick mode offers."""
        if self.udp and self.dialect is not None:
            return self.dialect.mode
        return EncapsulationMode.TUNNEL

    @property
    def floated(self) -> bool:
        """Whether IKE has moved to the port of NAT traversal."""
        return self.local.port == NAT_T_PORT

    @property
    def follows_peer(self) -> bool:
        """Whether an authentic message from a new address moves the path.

        A peer behind a NAT may move; whoever is behind one itself should not follow, since an
        attacker could then move it (RFC 7296 section 2.23).
        """
        return self.nat is Nat.REMOTE

    def taken_by(self, local: Address, remote: Address) -> Path:
        """The path when a message of main mode came between these two.

        The ports may change, since IKE moves to another one (RFC 3947 section 4).  Another address
        is that of somebody who passes the message on, unless a NAT hides the peer.
        """
        if remote.ip != self.remote.ip and not self.follows_peer:
            return self
        return replace(self, local=local, remote=remote)

    def transport(self) -> Transport:
        """The outer addresses of a tunnel on this path."""
        if not self.udp:
            return Transport(self.local.ip, self.remote.ip, Encapsulation.PROTOCOL_50)
        return Transport(
            self.local.ip, self.remote.ip, Encapsulation.UDP, self.local.port, self.remote.port
        )
