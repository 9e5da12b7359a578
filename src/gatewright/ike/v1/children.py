"""The quick mode SAs that a session keeps: their states, and when each is renewed and ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from gatewright.ike.grouping import Grouping
from gatewright.ike.outputs import ChildSaSnapshot
from gatewright.ike.timetable import Timetable, Watched
from gatewright.ipsec.association import ChildSa
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Child


class ChildState(Enum):
    PENDING = "installed, waits for message 3"  # responder
    INSTALLED = "installed"
    REKEYING = "rekeying"
    REPLACED = "replaced"  # kept for packets that are still on their way


Traffic = tuple[int, tuple[TrafficSelector, ...], tuple[TrafficSelector, ...]]
"""The policy of a pair, and its selectors on both sides."""


@dataclass(slots=True, eq=False)
class QuickModeSa(Watched):
    """One pair of SAs.  ``initiated``: by us; times on the caller's clock.

    ``nonce`` is the lower of the two of its quick mode: of two pairs that both sides made for the
    same traffic at the same time, that with the lower one goes, as RFC 7296 section 2.8.1 decides
    it for IKEv2.  ``activate_at``: when the outbound half comes into use, unless a packet does it.
    """

    sa: ChildSa
    child: Child
    initiated: bool
    nonce: bytes
    began: float
    established: float
    rekey_at: float
    expires: float
    state: ChildState = ChildState.INSTALLED
    remove_at: float | None = None
    activate_at: float | None = None

    @property
    def traffic(self) -> Traffic:
        return self.sa.policy_id, self.sa.local, self.sa.remote

    def next_timeout(self) -> float:
        times = [self.expires]
        times.extend(time for time in (self.remove_at, self.activate_at) if time is not None)
        if self.state is ChildState.INSTALLED:
            times.append(self.rekey_at)
        return min(times)

    def snapshot(self, now: float) -> ChildSaSnapshot:
        integrity = self.sa.integrity
        names = [self.sa.cipher.name] + ([integrity.name] if integrity is not None else [])
        renewed = self.state in (ChildState.INSTALLED, ChildState.REKEYING)
        return ChildSaSnapshot(
            child=self.sa.child,
            policy_id=self.sa.policy_id,
            spi_in=self.sa.spi_in,
            spi_out=self.sa.spi_out,
            algorithms=" / ".join(names),
            encapsulation=self.sa.transport.encapsulation.value,
            state=self.state.value,
            age=now - self.established,
            rekey_in=max(0.0, self.rekey_at - now) if renewed else None,
            expires_in=max(0.0, self.expires - now),
        )


class ChildTable:
    """The pairs of one session, by inbound SPI, oldest first.

    There may be thousands: nothing that is asked for each message looks at all.
    """

    def __init__(self) -> None:
        self._by_spi: dict[int, QuickModeSa] = {}
        self._by_outbound: Grouping[int, QuickModeSa] = Grouping()
        self._by_traffic: Grouping[Traffic, QuickModeSa] = Grouping()
        self._times: Timetable[QuickModeSa] = Timetable()

    def __iter__(self) -> Iterator[QuickModeSa]:
        return iter(list(self._by_spi.values()))

    def __len__(self) -> int:
        return len(self._by_spi)

    def add(self, pair: QuickModeSa) -> None:
        self._by_spi[pair.sa.spi_in] = pair
        self._by_outbound.put(pair, pair.sa.spi_out)
        self._by_traffic.put(pair, pair.traffic)
        pair.watcher = self._times.changed

    def get(self, spi_in: int) -> QuickModeSa | None:
        return self._by_spi.get(spi_in)

    def pop(self, spi_in: int) -> QuickModeSa | None:
        pair = self._by_spi.pop(spi_in, None)
        if pair is not None:
            pair.watcher = None
            self._by_outbound.discard(pair)
            self._by_traffic.discard(pair)
            self._times.forget(pair)
        return pair

    def by_outbound(self, spi_out: int) -> QuickModeSa | None:
        """The pair whose outbound SPI the peer names: it names its own inbound ones."""
        return next(iter(self._by_outbound.of(spi_out)), None)

    def of_traffic(self, traffic: Traffic) -> list[QuickModeSa]:
        """All pairs for the same traffic, oldest first."""
        return self._by_traffic.of(traffic)

    def take_all(self) -> list[QuickModeSa]:
        taken = list(self._by_spi.values())
        for pair in taken:
            self.pop(pair.sa.spi_in)
        return taken

    def next_timeout(self) -> float | None:
        return self._times.next_timeout()

    def due(self, now: float) -> list[QuickModeSa]:
        """Those whose time has come for something, oldest first."""
        return sorted(self._times.due(now), key=lambda pair: pair.began)
