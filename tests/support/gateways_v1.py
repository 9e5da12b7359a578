"""The two gateways of `tests.support.gateways`, with IKEv1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.compiled import Child, Connection, IkeProposal, IkeVersion, NatTraversal
from tests.support.gateways import IP_A, IP_B, Pair, child, connection, esp, ike

IKE_V1 = ike("aes-128-cbc/hmac-sha256-128/prf-hmac-sha256/ecp-256")
ESP_V1 = esp("aes-128-cbc/hmac-sha256-128")
WINDOWS_2003 = ike("3des-cbc/hmac-sha1-96/prf-hmac-sha1/modp-1024")


def tunnel(
    *children: Child,
    name: str = "branch",
    proposals: Sequence[IkeProposal] = (IKE_V1,),
    local: IPAddress = IP_A,
    remote: IPAddress = IP_B,
    lifetime: int = 28800,
    dpd_delay: int = 0,
    dpd_timeout: int = 150,
    child_limit: int = 0,
    nat_traversal: NatTraversal = NatTraversal.AUTO,
) -> Connection:
    """A's side of an IKEv1 tunnel.  Liveness checks are off, so that a network comes to rest."""
    made = connection(
        *(children or (child(ESP_V1),)),
        name=name,
        version=IkeVersion.V1,
        proposals=proposals,
        local=local,
        remote=remote,
        lifetime=lifetime,
        dpd_delay=dpd_delay,
    )
    return replace(
        made, dpd_timeout=dpd_timeout, child_limit=child_limit, nat_traversal=nat_traversal
    )


def bring_up(gateways: Pair, tunnel_name: str = "branch", seconds: float = 1.0) -> None:
    """A initiates, and some time passes."""
    gateways.endpoint_a.up(tunnel_name, gateways.network.now)
    gateways.network.run(seconds)
