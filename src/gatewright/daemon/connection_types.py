"""Holds a tunnel's connection type against the interface that it would use.

Windows leaves a rule out where the interface is not of its kind, and its traffic then goes in
clear.  Here the policy is refused instead, with the reason: what it protects is never left open.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatewright.control import models
from gatewright.control.service import CommandRefusedError
from gatewright.host.steering import LocalAddress
from gatewright.policy.compiled import CompiledPolicy, Connection, ConnectionType


def require_connection_types(compiled: CompiledPolicy, local: Sequence[LocalAddress]) -> None:
    """Raises CommandRefusedError for the first tunnel whose interface is of the other kind."""
    by_address = {each.ip: each for each in local}
    for connection in compiled.connections:
        address = by_address.get(connection.local)
        if address is not None and not _fits(connection, address):
            raise CommandRefusedError(422, _problem(connection, address))


def _fits(connection: Connection, address: LocalAddress) -> bool:
    match connection.connection_type:
        case ConnectionType.LAN:
            return not address.dial_up
        case ConnectionType.REMOTE_ACCESS:
            return address.dial_up
        case ConnectionType.ALL:
            return True


def _problem(connection: Connection, address: LocalAddress) -> models.Problem:
    kind = "a dial-up (PPP) connection" if address.dial_up else "a LAN connection"
    return models.Problem(
        code="connection-type",
        what=f'Tunnel "{connection.name}" ({connection.source}) is for connections of type '
        f"{connection.connection_type.value}, and its interface is not one.",
        why=f"Its local endpoint {connection.local} is on {address.interface}, {kind}.",
        advice="Write 'connection_type: all', or the type of that interface.",
    )
