"""Which child a quick mode is for, and the traffic selectors that it speaks of."""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.ike.outputs import Difference
from gatewright.ike.v1.children import Traffic
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.errors import InvalidId
from gatewright.ike.v1.identification import host_selector, selector_of
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Child
from gatewright.wire.v1.message import Chain
from gatewright.wire.v1.payloads.identification import IdentificationPayload


@dataclass(frozen=True, slots=True)
class Terms:
    """``replaces`` is the inbound SPI of the pair that is renewed."""

    child: Child
    local: TrafficSelector
    remote: TrafficSelector
    replaces: int | None = None

    @property
    def traffic(self) -> Traffic:
        return self.child.policy_id, (self.local,), (self.remote,)


def of_child(
    child: Child,
    trigger: tuple[TrafficSelector, TrafficSelector] | None = None,
    replaces: int | None = None,
) -> Terms:
    """What an initiator proposes: of several selectors, those that the packet falls under."""
    source, destination = trigger if trigger is not None else (None, None)
    return Terms(
        child, _fitting(child.local, source), _fitting(child.remote, destination), replaces
    )


def asked_for(core: Core, chain: Chain) -> Terms:
    """The child that message 1 asks for; raises `InvalidId` when the policy has none.

    IKEv1 has no narrowing: what is asked for must lie within one child.  The most fitting child
    is the one that has exactly these selectors.
    """
    theirs = chain.all(IdentificationPayload)
    if theirs:
        remote, local = selector_of(theirs[0]), selector_of(theirs[1])
    else:
        remote, local = host_selector(core.path.remote.ip), host_selector(core.path.local.ip)
    covering = [
        child
        for child in core.selectable().meeting((local,), (remote,))
        if any(each.covers(local) for each in child.local)
        and any(each.covers(remote) for each in child.remote)
    ]
    exact = [child for child in covering if local in child.local and remote in child.remote]
    for child in (*exact, *covering):
        return Terms(child, local, remote)
    raise _no_child(core, local, remote)


def _fitting(
    selectors: tuple[TrafficSelector, ...], packet: TrafficSelector | None
) -> TrafficSelector:
    if packet is not None:
        for selector in selectors:
            if selector.covers(packet):
                return selector
    return selectors[0]


def _no_child(core: Core, local: TrafficSelector, remote: TrafficSelector) -> InvalidId:
    children = core.selectable().children
    half = next((child for child in children if _covers(child.local, local)), None) or next(
        (child for child in children if _covers(child.remote, remote)), None
    )
    nearest = half or (children[0] if children else None)
    found: tuple[Difference, ...] = ()
    if nearest is not None:
        pairs = (
            ("local traffic selector", nearest.local, local),
            ("remote traffic selector", nearest.remote, remote),
        )
        found = tuple(
            Difference(item, ", ".join(map(str, ours)), str(theirs))
            for item, ours, theirs in pairs
            if not _covers(ours, theirs)
        )
    near = f"; nearest is {nearest.name}" if nearest is not None else ""
    return InvalidId(
        f"the peer wants to protect {remote} there with {local} here, which no child of this "
        f"policy has{near}. Both gateways must name the same networks, each from its side.",
        found,
    )


def _covers(ours: tuple[TrafficSelector, ...], theirs: TrafficSelector) -> bool:
    return any(each.covers(theirs) for each in ours)
