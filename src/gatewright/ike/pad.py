"""The peer authorization database in use (RFC 4301 section 4.4.3), and the ways into it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.compiled import Child, Connection, IkeVersion


class Pad:
    """The connections of the assigned policy, immutable: a new policy makes a new one."""

    def __init__(self, connections: Sequence[Connection] = ()) -> None:
        self._by_name = {connection.name: connection for connection in connections}
        self._by_policy: dict[int, tuple[Connection, Child]] = {}
        self._by_child_name: dict[tuple[str, str], Child] = {}
        self._by_addresses: dict[tuple[IkeVersion, IPAddress, IPAddress], list[Connection]] = {}
        for connection in connections:
            key = (connection.version, connection.local, connection.remote)
            self._by_addresses.setdefault(key, []).append(connection)
            for child in connection.children:
                self._by_policy[child.policy_id] = (connection, child)
                self._by_child_name[connection.name, child.name] = child

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._by_name.values())

    def __getitem__(self, name: str) -> Connection:
        return self._by_name[name]

    def get(self, name: str) -> Connection | None:
        return self._by_name.get(name)

    def child(self, policy_id: int) -> tuple[Connection, Child] | None:
        """The child that an SPD entry is protected by, with its connection."""
        return self._by_policy.get(policy_id)

    def named(self, tunnel: str, child: str) -> Child | None:
        return self._by_child_name.get((tunnel, child))

    def between(
        self, version: IkeVersion, local: IPAddress, remote: IPAddress
    ) -> Sequence[Connection]:
        """Whom a stranger at ``remote`` can turn out to be."""
        return self._by_addresses.get((version, local, remote), ())

    def keeps(self, old: Connection) -> bool:
        """Whether IKE SAs of a connection of another PAD may stay."""
        new = self.get(old.name)
        return new is not None and same_ike_settings(old, new)

    def keeps_child(self, replaced: Pad, policy_id: int) -> bool:
        """Whether an SPD entry is protected by the same child of the same peer as before."""
        old, new = replaced.child(policy_id), self.child(policy_id)
        if old is None or new is None:
            return False
        return old[1] == new[1] and same_ike_settings(old[0], new[0])


def same_ike_settings(old: Connection, new: Connection) -> bool:
    """Whether an IKE SA made under ``old`` is as good under ``new``."""
    return _ike_settings(old) == _ike_settings(new)


def _ike_settings(connection: Connection) -> tuple[object, ...]:
    return (
        connection.version,
        connection.local,
        connection.remote,
        connection.local_identity,
        connection.remote_identity,
        connection.authentication,
        connection.proposals,
        connection.nat_traversal,
    )
