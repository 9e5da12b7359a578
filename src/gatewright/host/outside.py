"""Which interfaces lead towards the Internet, where nothing from home may go in clear."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gatewright.host.steering import LocalAddress
from gatewright.policy.compiled import CompiledPolicy


def external_interfaces(
    policy: CompiledPolicy,
    local: Sequence[LocalAddress],
    links: Collection[str],
    former: Collection[str] = (),
) -> tuple[str, ...]:
    """The interface that the policy names, or else those that have the tunnels' local endpoints.

    None on a gateway with one arm, where the same interface leads home: one that the policy names
    as internal too, or the only one there is.  ``links`` are the interfaces of the machine, up or
    not; ``former`` those that were external when all addresses were there: an address that went
    does not make an interface less external.
    """
    if policy.external_interface is not None:
        found = {policy.external_interface}
    else:
        ours = {connection.local for connection in policy.connections}
        found = {each.interface for each in local if each.ip in ours} | set(former)
        if policy.internal_interface is None and found >= set(links):
            return ()
    return tuple(sorted(found - {policy.internal_interface}))
