from __future__ import annotations

from dataclasses import replace

import pytest

from gatewright.control.service import CommandRefusedError
from gatewright.daemon.connection_types import require_connection_types
from gatewright.host.steering import LocalAddress
from gatewright.policy.compiled import CompiledPolicy, ConnectionType
from tests.support.policies import entry, policy

POLICY = policy(entry(1, "192.168.10.0/24", "10.20.0.0/24"))


def _of_type(kind: ConnectionType) -> CompiledPolicy:
    (connection,) = POLICY.connections
    return replace(POLICY, connections=(replace(connection, connection_type=kind),))


def _on(interface: str, *, dial_up: bool) -> list[LocalAddress]:
    return [LocalAddress(POLICY.connections[0].local, interface, dial_up)]


@pytest.mark.parametrize(
    ("kind", "dial_up"),
    [
        (ConnectionType.ALL, False),
        (ConnectionType.ALL, True),
        (ConnectionType.LAN, False),
        (ConnectionType.REMOTE_ACCESS, True),
    ],
)
def test_a_tunnel_takes_an_interface_of_its_type(kind: ConnectionType, dial_up: bool) -> None:
    require_connection_types(_of_type(kind), _on("wan", dial_up=dial_up))


@pytest.mark.parametrize(
    ("kind", "interface", "dial_up"),
    [(ConnectionType.LAN, "ppp0", True), (ConnectionType.REMOTE_ACCESS, "wan", False)],
)
def test_the_other_kind_is_refused_by_name(
    kind: ConnectionType, interface: str, dial_up: bool
) -> None:
    with pytest.raises(CommandRefusedError) as caught:
        require_connection_types(_of_type(kind), _on(interface, dial_up=dial_up))
    assert caught.value.problem.code == "connection-type"
    assert interface in (caught.value.problem.why or "")
