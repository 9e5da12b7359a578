"""How the guards tell a packet on its way through the tunnel: each engine shows it differently.

The user-space engine has it in the TUN device.  The kernel never hands it to a device of its own:
on its way out it has a route with IPsec in it, and what was decrypted carries a record of that
(a security path), on the very interface that it came in by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatewright.host.names import HostNames
from gatewright.policy.compiled import Engine


@dataclass(frozen=True, slots=True)
class Tunnelled:
    """Expressions of nftables, of which one must match.

    ``leaving``: after routing, what is about to be protected, or cannot leave at all.
    ``untranslated``: rules of a NAT chain, by which that keeps its source.
    ``arrived``: before routing, what came out of the tunnel or from this machine itself.
    ``astray``: when forwarded, what came out of the tunnel and goes on unprotected.
    """

    leaving: Sequence[str]
    untranslated: Sequence[str]
    arrived: Sequence[str]
    astray: str


def shown_by(engine: Engine, names: HostNames) -> Tunnelled:
    """``engine`` is the one in use: AUTO has been decided."""
    ours = f'{{ "{names.tun}", "lo" }}'
    if engine is Engine.KERNEL:
        # Nobody reads from the TUN device: it ends what the kernel has no policy for.
        return Tunnelled(
            # A packet whose source is translated is looked up in the policy once more, is none of
            # its traffic, and goes on in clear.  So nothing is translated; what was before there
            # was a policy (the connection has that state) meets the SPD, and is dropped.
            leaving=(
                f"oifname {ours}",
                "rt ipsec exists ct status & snat == 0",
                "rt ipsec exists ct direction reply",
                "rt ipsec exists ct state untracked",
            ),
            untranslated=(
                "rt ipsec exists snat ip to ip saddr",
                "rt ipsec exists snat ip6 to ip6 saddr",
            ),
            arrived=('iifname "lo"', "meta ipsec exists"),
            astray="meta ipsec exists rt ipsec missing",
        )
    return Tunnelled(
        leaving=(f"oifname {ours}",),
        untranslated=(),
        arrived=(f"iifname {ours}",),
        astray=f'iifname "{names.tun}"',
    )
