"""What a reassignment changes, so that only the tunnels concerned are disturbed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Generic, TypeVar

from gatewright.policy.compiled import Child, CompiledPolicy, Connection, SpdEntry

T = TypeVar("T")
K = TypeVar("K")


class Change(Enum):
    """``CHANGED``: it is in both, under the same name, and differs."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Changed(Generic[T]):
    """One thing before and after; ``before`` is None for what was added, ``after`` for removed."""

    change: Change
    before: T | None
    after: T | None


@dataclass(frozen=True, slots=True)
class ConnectionChange:
    """A connection before and after.

    ``change`` speaks of the connection's own settings (addresses, identities, key, proposals,
    lifetimes): when it is UNCHANGED the IKE SA stays, whatever becomes of its children.
    """

    change: Change
    before: Connection | None
    after: Connection | None
    children: tuple[Changed[Child], ...]

    @property
    def disturbed(self) -> bool:
        """Whether any SA of it has to go or to come."""
        return self.change is not Change.UNCHANGED or any(
            child.change is not Change.UNCHANGED for child in self.children
        )


@dataclass(frozen=True, slots=True)
class PolicyDiff:
    """All connections and SPD entries of both policies.

    SPD entries are identified by their ``id``, which their content determines: they are never
    CHANGED.  ``spd_order_changed``: the entries of both policies stand in another order, so that
    the SPD has to be replaced although no entry came or went.
    """

    connections: tuple[ConnectionChange, ...]
    spd: tuple[Changed[SpdEntry], ...]
    spd_order_changed: bool
    interfaces_changed: bool

    @property
    def empty(self) -> bool:
        return not (
            self.spd_order_changed
            or self.interfaces_changed
            or any(one.disturbed for one in self.connections)
            or any(one.change is not Change.UNCHANGED for one in self.spd)
        )


def diff_policies(before: CompiledPolicy | None, after: CompiledPolicy | None) -> PolicyDiff:
    """The changes from one policy to the next; None stands for no policy assigned."""
    old = before or _NO_POLICY
    new = after or _NO_POLICY
    kept = {entry.id for entry in old.spd} & {entry.id for entry in new.spd}
    return PolicyDiff(
        connections=tuple(
            _connection(*pair)
            for pair in _side_by_side(
                {one.name: one for one in old.connections},
                {one.name: one for one in new.connections},
            )
        ),
        spd=tuple(
            _changed(*pair)
            for pair in _side_by_side(
                {one.id: one for one in old.spd}, {one.id: one for one in new.spd}
            )
        ),
        spd_order_changed=_order(old, kept) != _order(new, kept),
        interfaces_changed=(old.internal_interface, old.external_interface)
        != (new.internal_interface, new.external_interface),
    )


_NO_POLICY = CompiledPolicy("", (), ())


def _connection(before: Connection | None, after: Connection | None) -> ConnectionChange:
    own = _changed(
        None if before is None else _settings(before), None if after is None else _settings(after)
    )
    children = _side_by_side(
        {child.name: child for child in before.children} if before else {},
        {child.name: child for child in after.children} if after else {},
    )
    return ConnectionChange(own.change, before, after, tuple(_changed(*pair) for pair in children))


def _settings(connection: Connection) -> Connection:
    """A connection without its children, and without the line it stands on."""
    return replace(connection, children=(), source="")


def _changed(before: T | None, after: T | None) -> Changed[T]:
    if before is None:
        return Changed(Change.ADDED, None, after)
    if after is None:
        return Changed(Change.REMOVED, before, None)
    return Changed(Change.UNCHANGED if before == after else Change.CHANGED, before, after)


def _side_by_side(
    before: Mapping[K, T], after: Mapping[K, T]
) -> Iterable[tuple[T | None, T | None]]:
    """Values of one key together: those of the new policy in its order, then removed ones."""
    for key, value in after.items():
        yield before.get(key), value
    for key, value in before.items():
        if key not in after:
            yield value, None


def _order(policy: CompiledPolicy, kept: set[int]) -> list[int]:
    return [entry.id for entry in policy.spd if entry.id in kept]
