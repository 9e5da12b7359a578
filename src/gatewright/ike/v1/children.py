"""The quick mode SAs that a session keeps: their states, and when each is renewed and ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from gatewright.ike.outputs import ChildSaSnapshot
from gatewright.ipsec.association import ChildSa
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Child


class ChildState(Enum):
    PENDING = "installed, waits for message 3"  # responder
    INSTALLED = "installed"
    REKEYING = "rekeying"
    REPLACED = "replaced"  # kept for packets that are still on their way


@dataclass(slots=True)
class QuickModeSa:
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
    def selectors(self) -> tuple[tuple[TrafficSelector, ...], tuple[TrafficSelector, ...]]:
        return self.sa.local, self.sa.remote

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
    """The pairs of one session, by inbound SPI, oldest first."""

    def __init__(self) -> None:
        self._by_spi: dict[int, QuickModeSa] = {}

    def __iter__(self) -> Iterator[QuickModeSa]:
        return iter(list(self._by_spi.values()))

    def __len__(self) -> int:
        return len(self._by_spi)

    def add(self, pair: QuickModeSa) -> None:
        self._by_spi[pair.sa.spi_in] = pair

    def get(self, spi_in: int) -> QuickModeSa | None:
        return self._by_spi.get(spi_in)

    def pop(self, spi_in: int) -> QuickModeSa | None:
        return self._by_spi.pop(spi_in, None)

    def by_outbound(self, spi_out: int) -> QuickModeSa | None:
        """The pair whose outbound SPI the peer names: it names its own inbound ones."""
        return next((pair for pair in self if pair.sa.spi_out == spi_out), None)

    def take_all(self) -> list[QuickModeSa]:
        taken = list(self._by_spi.values())
        self._by_spi.clear()
        return taken

    def next_timeout(self) -> float | None:
        return min((pair.next_timeout() for pair in self._by_spi.values()), default=None)
