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
    """Expressions of nftables; without any, "" or none.

    ``sealed``: after routing, what is about to be protected; it may leave if one of ``kept``
    matches too.  What leaves by the TUN device may do so with either engine.
    ``untranslated``: rules of a NAT chain, by which the source of that stays as it is.
    ``arrived``: before routing and when forwarded, what came out of the tunnel; ``by_device``
    says that this is a comparison of interfaces.
    ``astray``: of that, when forwarded, what goes on unprotected.
    """

    sealed: str
    kept: Sequence[str]
    untranslated: Sequence[str]
    arrived: str
    by_device: bool
    astray: str


def shown_by(engine: Engine, names: HostNames) -> Tunnelled:
    """``engine`` is the one in use: AUTO has been decided."""
    if engine is Engine.KERNEL:
        # Nobody reads from the TUN device: it ends what the kernel has no policy for.
        return Tunnelled(
            # A packet whose source is translated is looked up in the policy once more, is none of
            # its traffic, and goes on in clear.  So nothing is translated; what was before there
            # was a policy (the connection has that state) meets the SPD, and is dropped.
            sealed="rt ipsec exists",
            kept=("ct status & snat == 0", "ct direction reply", "ct state untracked"),
            untranslated=(
                "rt ipsec exists snat ip to ip saddr",
                "rt ipsec exists snat ip6 to ip6 saddr",
            ),
            arrived="meta ipsec exists",
            by_device=False,
            astray="rt ipsec missing",
        )
    return Tunnelled(
        sealed="",
        kept=(),
        untranslated=(),
        arrived=f'iifname "{names.tun}"',
        by_device=True,
        astray="",
    )
