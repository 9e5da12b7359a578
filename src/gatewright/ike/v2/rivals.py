"""Two IKE SAs for one tunnel, and which of them stays.

When both sides begin at once, two IKE SAs come to be, each with its child SAs (RFC 7296 section
2.8 speaks of simultaneous rekeys only).  They are not torn down, since packets may be on their
way; one of them is just not renewed: that with the lower pair of SPIs, which both sides know.
"""

from __future__ import annotations

from gatewright.ike.machine import Session
from gatewright.ike.outputs import ChildSaSnapshot
from gatewright.ike.v2.children import ChildEntry, ChildState
from gatewright.ike.v2.sa import IkeSa


def _rank(spi_i: bytes, spi_r: bytes) -> tuple[bytes, bytes]:
    low, high = sorted((spi_i, spi_r))
    return low, high


def _rivals(sa: IkeSa) -> list[Session]:
    """Standing IKE SAs of the same tunnel that stay rather than this one."""
    connection = sa.connection
    return [
        other
        for other in sa.context.sessions_between(connection.local, connection.remote)
        if other.established
        and other.connection.name == connection.name
        and _rank(other.spi_i, other.spi_r) > _rank(sa.spi_i, sa.spi_r)
    ]


def carried_elsewhere(sa: IkeSa, entry: ChildEntry, now: float) -> bool:
    """Whether a rival has a child SA for all that this one carries.

    Known for certain only where nothing was narrowed: both then have the selectors of the policy.
    """
    whole = (entry.sa.local, entry.sa.remote) == (entry.child.local, entry.child.remote)
    return whole and any(
        _serves(child, entry) for rival in _rivals(sa) for child in rival.snapshot(now).children
    )


def _serves(child: ChildSaSnapshot, entry: ChildEntry) -> bool:
    stays = (ChildState.INSTALLED.value, ChildState.REKEYING.value)
    return child.policy_id == entry.sa.policy_id and child.state in stays


def superfluous(sa: IkeSa) -> bool:
    """Whether this IKE SA has nothing left to do that a rival does not."""
    if sa.current is not None or sa.agenda:
        return False
    return not sa.children.any_standing and bool(_rivals(sa))
