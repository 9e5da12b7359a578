"""The SPD as kernel policies: which there have to be, and what to do to get there.  Pure.

The kernel looks a packet up by priority, the lowest number first.  Each entry has one priority, in
the order of the SPD, with room between and one before it for what stays in its home network; an
entry that is still there keeps the one it has.

There can be one policy for a selector and direction.  Of two entries with the same selector the
first decides, as it would anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from gatewright.dataplane.kernel.identity import index_of, reqid_of
from gatewright.dataplane.kernel.layout import (
    Attribute,
    KernelSelector,
    Kind,
    PolicyHead,
    Template,
    Verdict,
    Way,
    pack_policy_id,
)
from gatewright.dataplane.kernel.selection import kernel_selectors, neighbour_discovery
from gatewright.ipsec.selectors import IPAddress
from gatewright.netlink.messages import EXCLUSIVE, Message, attribute
from gatewright.policy.compiled import Action, SpdEntry
from gatewright.policy.flows import flow, flows, home_networks

FIRST_PRIORITY = 0x4757
STEP = 64

Key = tuple[Way, KernelSelector]
Ends = tuple[IPAddress, IPAddress]


@dataclass(frozen=True, slots=True)
class Policy:
    """One kernel policy.  ``template`` is None for one that lets pass or blocks.

    ``index`` is by which we know it as ours; the kernel gives another one if that is taken.
    """

    way: Way
    selector: KernelSelector
    verdict: Verdict
    priority: int
    template: Template | None = None
    index: int = field(default=0, compare=False)

    @property
    def key(self) -> Key:
        return self.way, self.selector


def wanted(
    entries: Sequence[SpdEntry], ends: Mapping[int, Ends], former: Iterable[Policy] = ()
) -> dict[Key, Policy]:
    """The policies for an SPD.

    ``ends`` has the outer addresses (ours, the peer's) by policy id where they are others than the
    policy's, since a peer moved.  ``former`` are those that stand: for their priorities, indices.
    """
    former = list(former)
    found: dict[Key, Policy] = {}
    if any(each.version == 6 for one in entries for each in (*one.local, *one.remote)):
        for selector in neighbour_discovery():
            for way in (Way.OUT, Way.IN):
                one = Policy(way, selector, Verdict.ALLOW, FIRST_PRIORITY - 1)
                found[one.key] = one
    standing = {each.key: each.priority for each in former}
    last = FIRST_PRIORITY
    for entry in entries:
        listed = list(_policies(entry, ends.get(entry.id) or entry.gateways))
        last = _priority(listed, standing, last)
        for way, selector in _at_home(entry):
            found.setdefault((way, selector), Policy(way, selector, Verdict.ALLOW, last - 1))
        for way, selector, verdict, template in listed:
            found.setdefault((way, selector), Policy(way, selector, verdict, last, template))
    return _indexed(found, {each.key: each.index for each in former})


def changes(
    want: Mapping[Key, Policy], have: Mapping[Key, Policy]
) -> tuple[list[Message], list[Message]]:
    """Messages that add or replace, and messages that delete afterwards.

    What is replaced is so in one step, and what is new comes before the old goes.
    """
    upserts = []
    for key, policy in want.items():
        if key not in have:
            upserts.append(new_policy(policy))
        elif have[key] != policy:
            upserts.append(update_policy(policy))
    return upserts, [delete_policy(key) for key in have if key not in want]


def new_policy(policy: Policy) -> Message:
    """Refused by the kernel where another has a policy with this selector."""
    return Message(Kind.NEW_POLICY, _pack(policy, policy.index), EXCLUSIVE)


def update_policy(policy: Policy) -> Message:
    """Replace what stands; it keeps its index, and packets that wait are looked at again."""
    return Message(Kind.UPDATE_POLICY, _pack(policy, 0))


def delete_policy(key: Key) -> Message:
    way, selector = key
    return Message(Kind.DELETE_POLICY, pack_policy_id(selector, way))


def _pack(policy: Policy, index: int) -> bytes:
    head = PolicyHead(policy.selector, policy.way, policy.verdict, policy.priority, index).pack()
    if policy.template is None:
        return head
    return head + attribute(Attribute.TEMPLATE, policy.template.pack())


def _indexed(policies: Mapping[Key, Policy], standing: Mapping[Key, int]) -> dict[Key, Policy]:
    """Each with the index that it has, or with one that none has."""
    taken = set(standing.values())
    numbers = {way: count() for way in Way}
    found = {}
    for key, policy in policies.items():
        index = standing.get(key, 0)
        while not index or (key not in standing and index in taken):
            index = index_of(next(numbers[policy.way]), policy.way)
        found[key] = replace(policy, index=index)
    return found


_Shape = tuple[Way, KernelSelector, Verdict, Template | None]


def _priority(listed: Sequence[_Shape], standing: Mapping[Key, int], last: int) -> int:
    """Behind ``last``: the one that the entry has, or a new one."""
    kept = {standing[way, selector] for way, selector, *_ in listed if (way, selector) in standing}
    if len(kept) == 1 and min(kept) > last + 1:
        return min(kept)
    return last + STEP


def _at_home(entry: SpdEntry) -> Iterator[Key]:
    """Traffic within a home network, which goes in clear."""
    if entry.action is not Action.PROTECT:
        return
    for home in home_networks(entry):
        inside = flow(home, home)
        if inside is not None:
            for selector in kernel_selectors(inside):
                yield from ((way, selector) for way in Way)


def _policies(entry: SpdEntry, ends: Ends | None) -> Iterator[_Shape]:
    for inbound in (False, True):
        ways = (Way.IN, Way.FORWARD) if inbound else (Way.OUT,)
        verdict, template = _verdict(entry, ends, inbound=inbound)
        for one in flows(entry, inbound=inbound):
            for selector in kernel_selectors(one):
                yield from ((way, selector, verdict, template) for way in ways)


def _verdict(
    entry: SpdEntry, ends: Ends | None, *, inbound: bool
) -> tuple[Verdict, Template | None]:
    if entry.action is Action.BYPASS:
        return Verdict.ALLOW, None
    if entry.action is Action.DISCARD or ends is None:
        return Verdict.BLOCK, None
    ours, theirs = ends
    reqid = reqid_of(entry.id)
    return Verdict.ALLOW, Template(theirs, ours, reqid) if inbound else Template(
        ours, theirs, reqid
    )
