"""What Gatewright calls its own things in the kernel, so that removal finds exactly ours."""

from __future__ import annotations

from dataclasses import dataclass

ROUTE_PROTOCOL = 157
"""Who made a route or rule (rtnetlink ``rtm_protocol``, ``FRA_PROTOCOL``): a number of our own."""

MARK = 0x4757
"""``SO_MARK`` of the sockets that carry IKE and ESP: their packets never enter the tunnel."""


@dataclass(frozen=True, slots=True)
class HostNames:
    """The TUN device, the nftables table, the routing tables and the priorities of one gateway.

    ``tunnel_table`` leads everything into the TUN device; ``source_table`` does so for packets of
    the gateway itself that have no source address yet, and gives them one.  Tables for the remote
    networks of one local network are numbered from ``first_table`` up to ``last_table``.
    Rules take the priorities ``first_priority`` to ``last_priority``, all before that of the main
    table (32766).
    """

    tun: str = "gatewright0"
    nft_table: str = "gatewright"
    tunnel_table: int = 4757
    source_table: int = 4758
    first_table: int = 4757_0000
    last_table: int = 4757_9999
    mark: int = MARK
    first_priority: int = 4757
    last_priority: int = 30000

    def has_table(self, number: int) -> bool:
        """Whether a routing table is one of these."""
        named = (self.tunnel_table, self.source_table)
        return number in named or self.first_table <= number <= self.last_table


class HostError(Exception):
    """The system refused; the message says what, why, and what to do."""
