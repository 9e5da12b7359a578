"""What a reassignment changed, in sentences."""

from __future__ import annotations

from gatewright.policy.compiled import CompiledPolicy, SpdEntry
from gatewright.policy.diff import Change, Changed, ConnectionChange, diff_policies


def sentences(before: CompiledPolicy | None, after: CompiledPolicy) -> list[str]:
    """One sentence for each tunnel that comes, goes or changes; empty when none does."""
    diff = diff_policies(before, after)
    said = [text for change in diff.connections if (text := _connection(change))]
    plain = [each for each in diff.spd if _is_plain(each)]
    added = sum(each.change is Change.ADDED for each in plain)
    removed = sum(each.change is Change.REMOVED for each in plain)
    if added or removed:
        said.append(f"Permit and block filters: {added} added, {removed} removed.")
    if before is not None and before.engine is not after.engine:
        said.append(f"The engine is {after.engine.value} now; all tunnels come up anew.")
    if diff.spd_order_changed:
        said.append("The order of the filters changed.")
    return said


def _connection(change: ConnectionChange) -> str | None:
    either = change.after or change.before
    assert either is not None
    name = f'Tunnel "{either.name}"'
    if change.change is Change.ADDED:
        return f"{name} was added."
    if change.change is Change.REMOVED:
        return f"{name} was removed; its SAs are deleted."
    if change.change is Change.CHANGED:
        return f"{name} has other settings."
    children = [each for each in change.children if each.change is not Change.UNCHANGED]
    if not children:
        return None
    names = ", ".join(
        f'"{child.name}"' for each in children if (child := each.after or each.before)
    )
    return f"{name}: its networks or security methods changed ({names}); the IKE SA stays."


def _is_plain(change: Changed[SpdEntry]) -> bool:
    entry = change.after or change.before
    return entry is not None and not entry.tunnel
