"""Entries of the SPD that select the same packets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.addresses import SelectorPair
from gatewright.policy.checks.view import View
from gatewright.policy.compiled import Action, SpdEntry
from gatewright.policy.findings import Finding, Place, error, note, warning
from gatewright.policy.order import most_specific_first
from gatewright.policy.reading import shown

MAX_EFFORT = 2_000_000  # comparisons: a few seconds
MAX_FINDINGS = 40

_DOES = {Action.PROTECT: "protects", Action.DISCARD: "blocks", Action.BYPASS: "permits"}


@dataclass(frozen=True, slots=True)
class _Entry:
    entry: SpdEntry
    place: Place
    owner: str  # the tunnel's or the rule's name
    position: int

    @property
    def does(self) -> str:
        kind = "tunnel" if self.entry.action is Action.PROTECT else "rule"
        return f"{kind} {shown(self.owner)}"


def check(view: View) -> Iterable[Finding]:
    reported: set[tuple[str, str]] = set()
    for pair in _overlapping(_in_order(view)):
        if pair is None or len(reported) >= MAX_FINDINGS:
            yield _not_all(view)
            return
        first, second = pair
        owners = (first.owner, second.owner)
        if first.owner == second.owner or owners in reported:
            continue
        finding = _judge(first, second)
        if finding is not None:
            reported.add(owners)
            yield finding


def _in_order(view: View) -> list[_Entry]:
    """The entries as they will stand in the SPD."""
    origin: dict[SpdEntry, tuple[Place, str]] = {}
    for tunnel in view.parts.tunnels:
        for entry in tunnel.entries:
            origin[entry] = (tunnel.pair.place, tunnel.pair.name)
    for rule in view.parts.rules:
        for entry in rule.entries:
            origin.setdefault(entry, (rule.active.place, rule.active.rule.name))
    ordered = most_specific_first(origin)
    return [_Entry(entry, *origin[entry], index) for index, entry in enumerate(ordered)]


def _overlapping(entries: list[_Entry]) -> Iterator[tuple[_Entry, _Entry] | None]:
    """Pairs with a packet in common, the earlier of the SPD first; last None if it was too much.

    Sweeps over the remote addresses, so that tunnels to different networks are never compared.
    """
    spans = sorted(
        ((r.version, int(r.first), int(r.last), one) for one in entries for r in one.entry.remote),
        key=lambda span: span[:3],
    )
    open_spans: list[tuple[int, int, _Entry]] = []
    compared: set[tuple[int, int]] = set()
    effort = 0
    for version, low, high, one in spans:
        open_spans = [span for span in open_spans if span[0] == version and span[1] >= low]
        effort += len(open_spans)
        for _, _, other in open_spans:
            first, second = (one, other) if one.position < other.position else (other, one)
            if (first.position, second.position) in compared:
                continue
            compared.add((first.position, second.position))
            effort += _size(first.entry) * _size(second.entry)
            if effort > MAX_EFFORT:
                yield None
                return
            if _common(first.entry, second.entry) is not None:
                yield first, second
        open_spans.append((version, high, one))


def _size(entry: SpdEntry) -> int:
    return len(entry.local) + len(entry.remote)


def _common(one: SpdEntry, other: SpdEntry) -> SelectorPair | None:
    """A selector pair that both entries select, or None."""
    for local, other_local in _meeting(one.local, other.local):
        for remote, other_remote in _meeting(one.remote, other.remote):
            common_local = local.intersection(other_local)
            common_remote = remote.intersection(other_remote)
            if common_local is None or common_remote is None:
                continue
            if common_local.version == common_remote.version:
                return common_local, common_remote
    return None


def _meeting(
    ours: tuple[TrafficSelector, ...], theirs: tuple[TrafficSelector, ...]
) -> Iterator[tuple[TrafficSelector, TrafficSelector]]:
    for one in ours:
        for other in theirs:
            if one.intersection(other) is not None:
                yield one, other


def _covers(wide: SpdEntry, narrow: SpdEntry) -> bool:
    """Whether each packet of ``narrow`` is selected by ``wide`` (by one selector at a time)."""
    return all(any(w.covers(n) for w in wide.local) for n in narrow.local) and all(
        any(w.covers(n) for w in wide.remote) for n in narrow.remote
    )


def _judge(first: _Entry, second: _Entry) -> Finding | None:
    common = _common(first.entry, second.entry)
    assert common is not None, "only overlapping entries are judged"
    packets = f"packets from {common[0]} to {common[1]}"
    later = max(first.place, second.place)
    if _covers(first.entry, second.entry):
        return error(
            "shadowed-filter",
            later,
            f"{first.does} and {second.does} select the same {packets}",
            f"only the first counts: {first.does} {_DOES[first.entry.action]} them, and "
            f"{second.does} never sees one",
            f"change the networks of one of them; the other is at {min(first.place, second.place)}",
        )
    if Action.BYPASS is first.entry.action and second.entry.action is Action.PROTECT:
        return warning(
            "permit-over-protected",
            first.place,
            f"{first.does} lets {packets} pass in clear, which {second.does} would protect",
            "the more specific filter wins, so that these packets go over the Internet as they are",
            "remove the rule, or block them, unless that is what is wanted",
        )
    if first.entry.action is Action.DISCARD:
        # Blocked out of something wider or crossing it: that is what block rules are for.
        return None
    if _covers(second.entry, first.entry):
        return _nested(first, second, packets)
    return warning(
        "overlapping-filters",
        later,
        f"{first.does} and {second.does} both select {packets}, and neither lies within the other",
        f"{first.does} gets them, since its filters select fewer packets; that is easily not meant",
        "make the networks disjoint, or one wholly part of the other",
    )


def _not_all(view: View) -> Finding:
    return note(
        "overlaps-not-complete",
        view.policy.place,
        "not every pair of tunnels and rules was compared for overlapping filters",
        "there are too many that could meet",
        "correct what is reported, and check again",
    )


def _nested(first: _Entry, second: _Entry, packets: str) -> Finding | None:
    if Action.PROTECT not in (first.entry.action, second.entry.action):
        return None
    return note(
        "nested-filters",
        first.place,
        f"{first.does} selects {packets} out of what {second.does} selects",
        "the more specific filter wins, whatever the order in the file",
        "nothing, if that is meant",
    )
