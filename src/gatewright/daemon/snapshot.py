"""Builds the status from what the parts say.  Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict

from gatewright.control import models
from gatewright.dataplane.interface import DataPlane, SaCounters
from gatewright.host import guards
from gatewright.host.tables import OUT, counter_name
from gatewright.ike.outputs import ChildSaSnapshot, IkeSaSnapshot
from gatewright.policy.compiled import Child, CompiledPolicy, Connection

ESTABLISHED = "established"


def tunnels(
    policy: CompiledPolicy,
    sas: Sequence[IkeSaSnapshot],
    counters: Mapping[int, SaCounters],
    blocked: Mapping[str, int],
    last_failure: Callable[[str], models.Failure | None],
) -> list[models.Tunnel]:
    """Each configured tunnel, up or not, in the order of the policy."""
    by_id = {entry.id: entry for entry in policy.spd}
    by_tunnel: defaultdict[str, list[IkeSaSnapshot]] = defaultdict(list)
    for sa in sas:
        by_tunnel[sa.tunnel].append(sa)
    result = []
    for connection in policy.connections:
        own = by_tunnel[connection.name]
        by_policy: defaultdict[int, list[ChildSaSnapshot]] = defaultdict(list)
        for each in (each for sa in own for each in sa.children):
            by_policy[each.policy_id].append(each)
        under_way = any(sa.state != ESTABLISHED for sa in own)
        children = []
        for child in connection.children:
            entry = by_id.get(child.policy_id)
            names = [counter_name(entry, way) for way in ("out", "in")] if entry else []
            drops = [blocked.get(name, 0) for name in names] or [0, 0]
            up = by_policy[child.policy_id]
            children.append(_child(child, up, counters, drops, under_way=under_way))
        result.append(
            models.Tunnel(
                name=connection.name,
                state=_together([child.state for child in children]),
                ike_version=int(connection.version),
                local=str(connection.local),
                remote=str(connection.remote),
                source=connection.source,
                children=children,
                ike_sas=[_ike_sa(sa) for sa in own],
                last_failure=last_failure(connection.name),
            )
        )
    return result


def child_is_up(connection: Connection, child: Child, sas: Sequence[IkeSaSnapshot]) -> bool:
    return any(
        each.policy_id == child.policy_id
        for sa in sas
        if sa.tunnel == connection.name
        for each in sa.children
    )


def blocked_packets(
    counters: Iterable[guards.GuardCounter], counted: Mapping[str, int]
) -> list[models.Blocked]:
    return [
        models.Blocked(
            entry=each.entry,
            tunnel=each.tunnel,
            action=each.action.value,
            direction="out" if each.direction == OUT else "in",
            packets=counted.get(each.name, 0),
        )
        for each in counters
    ]


def data_plane(plane: DataPlane, reason: str) -> models.DataPlane:
    """``reason``: why it is this engine."""
    state = plane.state()
    return models.DataPlane(
        kind=state.kind,
        interface=state.interface,
        features={"chosen": reason, **state.features},
        fast_paths=[models.FastPath(**asdict(each)) for each in state.fast_paths],
        counters=dict(plane.counters()),
    )


def _child(
    child: Child,
    own: Sequence[ChildSaSnapshot],
    counters: Mapping[int, SaCounters],
    blocked: Sequence[int],
    *,
    under_way: bool,
) -> models.Child:
    return models.Child(
        name=child.name,
        state="up" if own else "negotiating" if under_way else "down",
        start=child.start.value,
        local=[str(each) for each in child.local],
        remote=[str(each) for each in child.remote],
        sas=[_child_sa(each, counters.get(each.spi_in)) for each in own],
        blocked_out=blocked[0],
        blocked_in=blocked[1],
    )


def _together(states: Sequence[models.TunnelState]) -> models.TunnelState:
    if "up" in states:
        return "up"
    return "negotiating" if "negotiating" in states else "down"


def _child_sa(sa: ChildSaSnapshot, counted: SaCounters | None) -> models.ChildSa:
    shown = models.ChildSa(
        state=sa.state,
        spi_in=f"{sa.spi_in:08x}",
        spi_out=f"{sa.spi_out:08x}",
        algorithms=sa.algorithms,
        encapsulation=sa.encapsulation,
        age=sa.age,
        rekey_in=sa.rekey_in,
        expires_in=sa.expires_in,
    )
    if counted is None:
        return shown
    return shown.model_copy(
        update={
            "packets_in": counted.packets_in,
            "bytes_in": counted.bytes_in,
            "packets_out": counted.packets_out,
            "bytes_out": counted.bytes_out,
            "last_in": counted.last_in,
            "last_out": counted.last_out,
        }
    )


def _ike_sa(sa: IkeSaSnapshot) -> models.IkeSa:
    return models.IkeSa(
        version=sa.version,
        state=sa.state,
        initiator=sa.initiator,
        local=sa.local,
        remote=sa.remote,
        peer_identity=sa.peer_identity,
        algorithms=sa.algorithms,
        nat=sa.nat,
        spi_i=sa.spi_i,
        spi_r=sa.spi_r,
        age=sa.age,
        rekey_in=sa.rekey_in,
        expires_in=sa.expires_in,
    )
