"""The way between two peers: addresses, ports, NATs in between, and what follows for ESP."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gatewright.ike.machine import NAT_T_PORT, Address
from gatewright.ipsec.association import Encapsulation, Transport


@dataclass(frozen=True, slots=True)
class Path:
    """``nat_local``/``nat_remote``: that side stands behind a NAT (RFC 7296 section 2.23).

    ``forced``: the policy wants UDP encapsulation in any case.
    """

    local: Address
    remote: Address
    nat_local: bool = False
    nat_remote: bool = False
    forced: bool = False

    @property
    def encapsulated(self) -> bool:
        return self.nat_local or self.nat_remote or self.forced

    @property
    def nat(self) -> str:
        """For people: which side stands behind a NAT."""
        if self.nat_local and self.nat_remote:
            return "both"
        if self.nat_local or self.nat_remote:
            return "local" if self.nat_local else "remote"
        return "none"

    @property
    def follows_peer(self) -> bool:
        """Whether an authentic message from a new address moves the path.

        A peer behind a NAT may move; whoever is behind one itself should not follow, since an
        attacker could then move it (RFC 7296 section 2.23).
        """
        return self.nat_remote and not self.nat_local

    def moved_to_nat_t(self) -> Path:
        """From port 500 to 4500 on both sides, which a NAT leaves alone (RFC 7296 section 2.23)."""
        if self.local.port == NAT_T_PORT:
            return self
        return replace(
            self,
            local=Address(self.local.ip, NAT_T_PORT),
            remote=Address(self.remote.ip, NAT_T_PORT),
        )

    def with_remote(self, remote: Address) -> Path:
        return replace(self, remote=remote)

    def transport(self) -> Transport:
        """The outer addresses of an ESP tunnel along this path."""
        if self.encapsulated:
            return Transport(
                self.local.ip,
                self.remote.ip,
                Encapsulation.UDP,
                self.local.port,
                self.remote.port,
            )
        return Transport(self.local.ip, self.remote.ip, Encapsulation.PROTOCOL_50)
