"""How a session shows itself: in events of the audit trail and in snapshots."""

from __future__ import annotations

from gatewright.ike.outputs import IkeSaClosed, IkeSaEstablished, IkeSaSnapshot
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.schedule import Schedule
from gatewright.ike.v1.states import State


def algorithms(core: Core) -> str:
    """In words, e.g. ``3des-cbc / prf-hmac-sha1 / modp-1024``; empty before they are chosen."""
    if core.choice is None:
        return ""
    proposal = core.choice.proposal
    return f"{proposal.cipher.name} / {proposal.prf.name} / {proposal.group.name}"


def established(core: Core, *, rekeyed: bool) -> IkeSaEstablished:
    return IkeSaEstablished(
        tunnel=core.connection.name,
        version=1,
        initiator=core.is_initiator,
        local=str(core.path.local),
        remote=str(core.path.remote),
        peer_identity=core.peer_identity,
        algorithms=algorithms(core),
        spi_i=core.cookie_i.hex(),
        spi_r=core.cookie_r.hex(),
        rekeyed=rekeyed,
    )


def closed(core: Core, reason: str) -> IkeSaClosed:
    return IkeSaClosed(core.connection.name, core.cookie_i.hex(), core.cookie_r.hex(), reason)


def snapshot(core: Core, schedule: Schedule, now: float, *, keeps_pairs: bool) -> IkeSaSnapshot:
    rekey_at = schedule.rekey_at if core.state is State.ESTABLISHED else None
    expires_at = schedule.expires_at if core.usable else None
    return IkeSaSnapshot(
        tunnel=core.connection.name,
        version=1,
        state=core.state.value,
        initiator=core.is_initiator,
        local=str(core.path.local),
        remote=str(core.path.remote),
        peer_identity=core.peer_identity,
        algorithms=algorithms(core),
        nat=core.path.nat.value,
        spi_i=core.cookie_i.hex(),
        spi_r=core.cookie_r.hex(),
        age=now - schedule.since,
        rekey_in=max(0.0, rekey_at - now) if rekey_at is not None else None,
        expires_in=max(0.0, expires_at - now) if expires_at is not None else None,
        children=tuple(pair.snapshot(now) for pair in core.children) if keeps_pairs else (),
    )
