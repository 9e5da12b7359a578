"""A data plane in memory, for tests: keeps what it was given and sends IKE where it is told.

Two of them, joined by ``wire``, let two daemons negotiate in one process.  It carries no packets:
``packet`` stands for one that the host sends, and does what an engine would ask of IKE for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from gatewright.dataplane.interface import (
    Acquire,
    DataPlaneError,
    DataPlaneState,
    Event,
    IkeDatagram,
    SaCounters,
)
from gatewright.ipsec.association import ChildSa
from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.compiled import Action, SpdEntry

Carrier = Callable[[IPAddress, IPAddress, int, bytes], None]
"""Takes (local, remote, remote port, payload) of an IKE message sent from port 4500."""


class MemoryDataPlane:
    """Implements ``dataplane.interface.DataPlane``.

    ``refuse`` maps the name of a method to the sentence with which it raises ``DataPlaneError``.
    """

    def __init__(self, carrier: Carrier | None = None) -> None:
        self.carrier = carrier
        self.refuse: dict[str, str] = {}
        self.addresses: tuple[IPAddress, ...] = ()
        self.is_open = False
        self.device = False
        self.policies: tuple[SpdEntry, ...] = ()
        self.sas: dict[int, ChildSa] = {}
        self.active: set[int] = set()
        self.moved: dict[int, tuple[IPAddress, int]] = {}
        self.given_up: list[int] = []
        self.keepalives: list[tuple[IPAddress, IPAddress, int]] = []
        self._acquiring: set[int] = set()
        self._events: list[Event] = []
        self._readable, self._signal = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def open(self, local_addresses: Sequence[IPAddress]) -> None:
        self._may("open")
        self.addresses = tuple(local_addresses)
        self.is_open = self.device = True

    def close(self, *, remove: bool) -> None:
        self.is_open = False
        if remove:
            self.device = False
        for descriptor in (self._readable, self._signal):
            os.close(descriptor)

    def replace_policies(self, entries: Sequence[SpdEntry]) -> None:
        self._may("replace_policies")
        self.policies = tuple(entries)

    def add_sa(self, sa: ChildSa) -> None:
        self._may("add_sa")
        self.sas[sa.spi_in] = sa
        self._acquiring.discard(sa.policy_id)
        if not sa.outbound_standby:
            self.active.add(sa.spi_in)

    def activate_sa(self, spi_in: int) -> None:
        if spi_in in self.sas:
            self.active.add(spi_in)

    def move_sa(self, spi_in: int, remote: IPAddress, remote_port: int) -> None:
        self.moved[spi_in] = (remote, remote_port)

    def remove_sa(self, spi_in: int) -> None:
        self.sas.pop(spi_in, None)
        self.active.discard(spi_in)

    def acquire_failed(self, policy_id: int) -> None:
        self._acquiring.discard(policy_id)
        self.given_up.append(policy_id)

    def send_ike(
        self, local: IPAddress, remote: IPAddress, remote_port: int, payload: bytes
    ) -> None:
        self._may("send_ike")
        if self.carrier is not None:
            self.carrier(local, remote, remote_port, payload)

    def send_keepalive(self, local: IPAddress, remote: IPAddress, remote_port: int) -> None:
        self.keepalives.append((local, remote, remote_port))

    def event_fd(self) -> int:
        return self._readable

    def poll_events(self) -> Sequence[Event]:
        self._may("poll_events")
        try:
            os.read(self._readable, 4096)
        except BlockingIOError:
            return []
        events, self._events = self._events, []
        return events

    def counters(self) -> Mapping[str, int]:
        return {"drop_no_policy": 0}

    def sa_counters(self) -> Sequence[SaCounters]:
        return [
            SaCounters(spi_in, 0, 0, 0, 0, None, None, spi_in in self.active, 0)
            for spi_in in self.sas
        ]

    def state(self) -> DataPlaneState:
        return DataPlaneState("memory", "none", {"carries": "nothing"})

    def event(self, event: Event) -> None:
        """Let the data plane report something."""
        self._events.append(event)
        os.write(self._signal, b"!")

    def deliver(
        self, local: IPAddress, remote: IPAddress, remote_port: int, payload: bytes
    ) -> None:
        """An IKE message arrives on port 4500."""
        self.event(IkeDatagram(local, 4500, remote, remote_port, payload))

    def packet(
        self,
        source: IPAddress,
        destination: IPAddress,
        protocol: int = 1,
        source_port: int = 0,
        destination_port: int = 0,
    ) -> str:
        """What becomes of an outbound packet: "protected", "queued", "bypassed" or "discarded"."""
        entry = next((e for e in self.policies if _selects(e, source, destination, protocol)), None)
        if entry is None or entry.action is Action.DISCARD:
            return "discarded"
        if entry.action is Action.BYPASS:
            return "bypassed"
        if any(sa.policy_id == entry.id and sa.spi_in in self.active for sa in self.sas.values()):
            return "protected"
        if entry.id not in self._acquiring:
            self._acquiring.add(entry.id)
            ends = (source, destination, protocol, source_port, destination_port)
            self.event(Acquire(entry.id, *ends))
        return "queued"

    def _may(self, method: str) -> None:
        if method in self.refuse:
            raise DataPlaneError(self.refuse[method])


def _selects(entry: SpdEntry, source: IPAddress, destination: IPAddress, protocol: int) -> bool:
    return any(each.contains(source, protocol, each.first_port) for each in entry.local) and any(
        each.contains(destination, protocol, each.first_port) for each in entry.remote
    )
