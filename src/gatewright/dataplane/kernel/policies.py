"""The policies that are in the kernel, and what is done with them."""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gatewright.dataplane.interface import DataPlaneError
from gatewright.dataplane.kernel import spd
from gatewright.dataplane.kernel.identity import is_our_index, policy_id_of
from gatewright.dataplane.kernel.layout import (
    POLICY_SIZE,
    Attribute,
    Kind,
    Template,
    Way,
    unpack_policy,
    unpack_template,
)
from gatewright.dataplane.kernel.netlink import NetlinkError, NetlinkSocket
from gatewright.netlink.messages import Message, attributes
from gatewright.policy.compiled import SpdEntry

_GONE = (errno.ESRCH, errno.ENOENT)


class Policies:
    """Calls raise DataPlaneError."""

    def __init__(self, kernel: NetlinkSocket) -> None:
        self._kernel = kernel
        self._have: dict[spd.Key, spd.Policy] | None = None
        self._of_entry: dict[int, list[spd.Key]] = {}
        self._ends: dict[int, spd.Ends] = {}

    def replace(self, entries: Sequence[SpdEntry]) -> None:
        """Have the policies of this SPD and no others of ours.  On a refusal, those from before."""
        have = self._standing()
        ids = {entry.id for entry in entries}
        ends = {number: each for number, each in self._ends.items() if number in ids}
        want = spd.wanted(entries, ends, have.values())
        upserts, deletes = spd.changes(want, have)
        try:
            self._put(upserts)
        except DataPlaneError:
            self._have = None
            self._delete([spd.delete_policy(key) for key in self._standing() if key not in have])
            back, _ = spd.changes(have, self._standing())
            self._have = None
            self._put(back)
            raise
        self._delete(deletes)
        self._have, self._ends = want, ends
        self._of_entry = _by_entry(want)

    def clear(self) -> None:
        """Remove every policy of ours, also those of an earlier process."""
        self._have = None
        self._delete([spd.delete_policy(key) for key in self._standing()])
        self._have, self._of_entry, self._ends = {}, {}, {}

    def restore(self) -> bool:
        """Put back what somebody took away; whether anything was."""
        if not self._have:
            return False
        missing, _ = spd.changes(self._have, {each.key: each for each in self._seen()})
        self._put(missing)
        return bool(missing)

    def follow(self, policy_id: int, ends: spd.Ends) -> None:
        """The tunnel of an entry has these outer addresses (ours, the peer's)."""
        changed = []
        for key, policy in self._entry(policy_id):
            template = policy.template
            assert template is not None
            ours, theirs = ends
            outer = (ours, theirs) if policy.way is Way.OUT else (theirs, ours)
            if (template.source, template.destination) == outer:
                continue
            new = replace(policy, template=Template(*outer, template.reqid))
            changed.append(spd.update_policy(new))
            self._standing()[key] = new
        self._ends[policy_id] = ends
        self._put(changed)

    def release(self, policy_id: int) -> None:
        """Packets that wait for an SA of this entry go out at once."""
        entry = self._entry(policy_id)
        self._put([spd.update_policy(each) for _, each in entry if each.way is Way.OUT])

    def __len__(self) -> int:
        return len(self._have or ())

    def _entry(self, policy_id: int) -> list[tuple[spd.Key, spd.Policy]]:
        have = self._standing()
        return [(key, have[key]) for key in self._of_entry.get(policy_id, ())]

    def _standing(self) -> dict[spd.Key, spd.Policy]:
        """Ours, as the kernel has them where we do not know it."""
        if self._have is None:
            self._have = {each.key: each for each in self._seen()}
            self._of_entry = _by_entry(self._have)
        return self._have

    def _seen(self) -> list[spd.Policy]:
        found = []
        try:
            for message in self._kernel.dump(Kind.GET_POLICY):
                head = unpack_policy(message.payload)
                if head is None or not is_our_index(head.index):
                    continue
                have = attributes(message.payload[POLICY_SIZE:])
                template = unpack_template(have.get(Attribute.TEMPLATE, b""))
                shape = head.way, head.selector, head.verdict, head.priority, template
                found.append(spd.Policy(*shape, index=head.index))
        except (NetlinkError, OSError) as error:
            raise DataPlaneError(f"The kernel does not show its policies: {error}.") from None
        return found

    def _put(self, messages: Sequence[Message]) -> None:
        for refusal in self._request(messages):
            if refusal is not None:
                raise DataPlaneError(_explain(refusal))

    def _delete(self, messages: Sequence[Message]) -> None:
        for refusal in self._request(messages):
            if refusal is not None and refusal.errno not in _GONE:
                raise DataPlaneError(f"The kernel does not delete a policy: {refusal}.")

    def _request(self, messages: Sequence[Message]) -> list[NetlinkError | None]:
        try:
            return self._kernel.request_all(messages)
        except OSError as error:
            raise DataPlaneError(f"The kernel cannot be asked for policies: {error}.") from None


def _by_entry(policies: Mapping[spd.Key, spd.Policy]) -> dict[int, list[spd.Key]]:
    found: dict[int, list[spd.Key]] = defaultdict(list)
    for key, policy in policies.items():
        if policy.template is not None:
            policy_id = policy_id_of(policy.template.reqid)
            if policy_id is not None:
                found[policy_id].append(key)
    return dict(found)


def _explain(error: NetlinkError) -> str:
    if error.errno == errno.EEXIST:
        return (
            "The kernel has an IPsec policy for the same traffic from another program (ip xfrm "
            "policy shows it). Stop that program, or delete its policy: ip xfrm policy deleteall."
        )
    if error.errno == errno.EPERM:
        return "The kernel does not permit IPsec policies. This needs CAP_NET_ADMIN: run as root."
    return f"The kernel refuses an IPsec policy: {error}."
