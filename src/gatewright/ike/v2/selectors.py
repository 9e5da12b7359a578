"""Traffic selectors on the wire, and narrowing (RFC 7296 section 2.9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from gatewright.iana.ikev2 import TsType
from gatewright.ike.child_index import ChildIndex
from gatewright.ike.outputs import Difference
from gatewright.ike.v2.errors import PeerViolation, TsUnacceptable
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Child
from gatewright.wire.v2.payloads.ts import RangeSelector, Selector, TsPayload, UnknownSelector

Selectors = tuple[TrafficSelector, ...]
MAX_NARROWED = 255  # the count of a TS payload has one octet
MAX_WORDS = 16  # selectors that are named to people
_ENOUGH = 64  # selectors of a peer that are looked at, or as many as the policy has and one packet


def to_payload(payload_type: int, selectors: Sequence[TrafficSelector]) -> TsPayload:
    return TsPayload(payload_type, tuple(_to_wire(selector) for selector in selectors))


def _to_wire(selector: TrafficSelector) -> RangeSelector:
    return RangeSelector(
        TsType.TS_IPV4_ADDR_RANGE if selector.version == 4 else TsType.TS_IPV6_ADDR_RANGE,
        selector.protocol,
        selector.first_port,
        selector.last_port,
        selector.first.packed,
        selector.last.packed,
    )


def from_payload(payload: TsPayload) -> Selectors:
    """The selectors that can be used here.

    Left out are unknown types, OPAQUE ports (start above end: packets whose ports cannot be seen)
    and ranges of addresses that run downwards: nothing of ours would ever match them.
    """
    usable = (_from_wire(selector) for selector in payload.selectors)
    return tuple(selector for selector in usable if selector is not None)


def _from_wire(selector: Selector) -> TrafficSelector | None:
    if isinstance(selector, UnknownSelector):
        return None
    first, last = ip_address(selector.first), ip_address(selector.last)
    if int(first) > int(last) or selector.first_port > selector.last_port:
        return None
    return TrafficSelector(first, last, selector.protocol, selector.first_port, selector.last_port)


def narrow(ours: Sequence[TrafficSelector], theirs: Sequence[TrafficSelector]) -> Selectors:
    """All that both sides want, in the peer's order, without what another selector covers."""
    common: list[TrafficSelector] = []
    for offered in theirs:
        for own in ours:
            shared = own.intersection(offered)
            if shared is None or any(each.covers(shared) for each in common):
                continue
            common = [each for each in common if not shared.covers(each)]
            common.append(shared)
    return tuple(common[:MAX_NARROWED])


def with_trigger(
    selectors: Sequence[TrafficSelector], trigger: TrafficSelector | None
) -> Selectors:
    """What to offer: first the packet that wants the SA, if there is one, then the policy's."""
    if trigger is None or not any(each.covers(trigger) for each in selectors):
        return tuple(selectors)
    if trigger in selectors:
        return (trigger, *(each for each in selectors if each != trigger))
    return (trigger, *selectors)


def covered(inner: Sequence[TrafficSelector], outer: Sequence[TrafficSelector]) -> bool:
    """Whether each selector of ``inner`` lies inside one of ``outer``."""
    return all(any(wide.covers(each) for wide in outer) for each in inner)


@dataclass(frozen=True, slots=True)
class Fit:
    """A child of the policy, and what of it the peer wants too."""

    child: Child
    local: Selectors
    remote: Selectors


def choose_child(
    children: ChildIndex, local: Sequence[TrafficSelector], remote: Sequence[TrafficSelector]
) -> Fit:
    """The responder's choice among the children of a connection; raises `TsUnacceptable`.

    ``local``/``remote`` are what the initiator asks for, seen from here (TSr and TSi).  Best is a
    child that takes all of it, then one that takes the first selectors (the packet that the
    initiator has in hand), then the one that takes most.  Comparing is quadratic: of selectors
    without end, which no policy that mirrors ours has, only the first are looked at.
    """
    most = max(_ENOUGH, 1 + children.most_selectors)
    local, remote = local[:most], remote[:most]
    fits = [
        Fit(child, narrow(child.local, local), narrow(child.remote, remote))
        for child in children.meeting(local, remote)
    ]
    fits = [fit for fit in fits if fit.local and fit.remote]
    if not fits:
        raise TsUnacceptable(
            "the traffic selectors of the peer do not meet those of any rule here: make the "
            "networks of both sides mirror each other",
            _selector_differences(children.children, local, remote),
        )
    return max(fits, key=lambda fit: _goodness(fit, local, remote))


def meet(ours: Sequence[TrafficSelector], theirs: Sequence[TrafficSelector]) -> bool:
    """Whether there is any packet that both want."""
    return any(own.intersection(other) is not None for own in ours for other in theirs)


def _goodness(
    fit: Fit, local: Sequence[TrafficSelector], remote: Sequence[TrafficSelector]
) -> tuple[bool, bool, int]:
    takes_all = covered(local, fit.local) and covered(remote, fit.remote)
    takes_first = covered(local[:1], fit.local) and covered(remote[:1], fit.remote)
    return takes_all, takes_first, _size(fit.local) * _size(fit.remote)


def _size(selectors: Selectors) -> int:
    return sum(int(each.last) - int(each.first) + 1 for each in selectors)


def _selector_differences(
    children: Sequence[Child], local: Sequence[TrafficSelector], remote: Sequence[TrafficSelector]
) -> tuple[Difference, ...]:
    our_local = tuple(each for child in children for each in child.local)
    our_remote = tuple(each for child in children for each in child.remote)
    sides = (
        ("local traffic selector", our_local, tuple(local)),
        ("remote traffic selector", our_remote, tuple(remote)),
    )
    apart = [side for side in sides if not meet(side[1], side[2])]
    return tuple(
        Difference(item, words(ours), words(theirs)) for item, ours, theirs in apart or sides
    )


def check_narrowed(
    offered: Sequence[TrafficSelector], answered: Sequence[TrafficSelector], item: str
) -> Selectors:
    """What the responder made of our selectors; raises `PeerViolation` when that is no subset."""
    if not answered or not covered(answered, offered):
        raise PeerViolation(
            "the peer answered with traffic selectors beyond those that were offered",
            (Difference(item, words(offered), words(answered)),),
        )
    return _outermost(answered)


def _outermost(selectors: Sequence[TrafficSelector]) -> Selectors:
    """Without what another one covers."""
    kept: list[TrafficSelector] = []
    for selector in selectors:
        if not any(each.covers(selector) for each in kept):
            kept = [each for each in kept if not selector.covers(each)]
            kept.append(selector)
    return tuple(kept)


def words(selectors: Sequence[TrafficSelector]) -> str:
    """For people."""
    named = ", ".join(dict.fromkeys(str(each) for each in selectors[:MAX_WORDS]))
    more = f", and {len(selectors) - MAX_WORDS} more" if len(selectors) > MAX_WORDS else ""
    return named + more or "none that is usable"
