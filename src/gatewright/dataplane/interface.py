"""The contract between the daemon and whatever moves packets.

Batch-first and small: policies are replaced whole, SAs come and go one by one, events are polled
when ``event_fd`` is readable.  Python sees no packet except IKE datagrams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gatewright.ipsec.association import ChildSa
from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.compiled import SpdEntry


class DirectEsp(StrEnum):
    """Whether protocol 50 is handed to the interface past the kernel's IP layer."""

    AUTO = "auto"
    """While no netfilter chain of others would see it."""
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Acquire:
    """A packet wants an SA that does not exist.  Once a policy until answered or given up."""

    policy_id: int
    source: IPAddress
    destination: IPAddress
    protocol: int
    source_port: int
    destination_port: int


@dataclass(frozen=True, slots=True)
class SaExpiring:
    """A byte or sequence number limit: ``hard`` means that it is already out of use."""

    spi_in: int
    hard: bool
    reason: str


@dataclass(frozen=True, slots=True)
class IkeDatagram:
    """An IKE message that came to the NAT-T port, its non-ESP marker removed."""

    local: IPAddress
    local_port: int
    remote: IPAddress
    remote_port: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class PeerMoved:
    """Authentic ESP came from another address or port than the SA's (NAT rebinding)."""

    spi_in: int
    remote: IPAddress
    remote_port: int


@dataclass(frozen=True, slots=True)
class FastPath:
    """A way to move many packets at once, or one faster.  ``saves`` says in words what it is.

    ``state`` is in-use, off, refused or lost; ``why`` says why it is not used, else empty.
    ``place`` is the device or the address.
    """

    name: str
    saves: str
    place: str
    state: str
    why: str


@dataclass(frozen=True, slots=True)
class FastPathLost:
    """A fast path that was in use is not any more; packets go on without it."""

    path: FastPath


Event = Acquire | SaExpiring | IkeDatagram | PeerMoved | FastPathLost


@dataclass(frozen=True, slots=True)
class SaCounters:
    """Counters of one pair.  ``last_in``/``last_out``: seconds ago, None for never."""

    spi_in: int
    packets_in: int
    bytes_in: int
    packets_out: int
    bytes_out: int
    last_in: float | None
    last_out: float | None
    outbound_active: bool
    sequence_out: int


@dataclass(frozen=True, slots=True)
class DataPlaneState:
    """For ``status``: which paths are in use, e.g. ``{"tun_offload": "tso4 tso6"}``."""

    kind: str
    interface: str
    features: Mapping[str, str]
    fast_paths: Sequence[FastPath] = ()


class DataPlane(Protocol):
    """The user-space engine, the kernel, or a double in tests.

    Every method is thread-safe against the packet path and returns at once.
    Raises ``DataPlaneError`` with a sentence for the administrator when the system refuses.
    """

    def open(self, local_addresses: Sequence[IPAddress]) -> None:
        """Create or take over the TUN device, open protocol 50 and UDP 4500 on these addresses.

        May be called again with other addresses; what is unchanged stays undisturbed.
        """
        ...

    def close(self, *, remove: bool) -> None:
        """Stop.  ``remove`` also takes the TUN device away; without, it stays and blocks."""
        ...

    def replace_policies(self, entries: Sequence[SpdEntry]) -> None:
        """The whole SPD, in order of evaluation, atomically.

        SAs of policies that are no longer there must have been removed by the caller.
        """
        ...

    def add_sa(self, sa: ChildSa) -> None:
        """Install both halves; queued packets of the policy go out unless it is on standby."""
        ...

    def activate_sa(self, spi_in: int) -> None: ...

    def move_sa(self, spi_in: int, remote: IPAddress, remote_port: int) -> None: ...

    def remove_sa(self, spi_in: int) -> None:
        """Unknown ones are ignored."""
        ...

    def acquire_failed(self, policy_id: int) -> None:
        """Give up the packets that wait for this policy; the next packet acquires anew."""
        ...

    def send_ike(
        self, local: IPAddress, remote: IPAddress, remote_port: int, payload: bytes
    ) -> None:
        """Send from port 4500; the data plane puts the non-ESP marker in front."""
        ...

    def send_keepalive(self, local: IPAddress, remote: IPAddress, remote_port: int) -> None:
        """One 0xff octet from port 4500 (RFC 3948 section 2.3)."""
        ...

    def event_fd(self) -> int:
        """Readable when ``poll_events`` has something."""
        ...

    def poll_events(self) -> Sequence[Event]: ...

    def counters(self) -> Mapping[str, int]:
        """Every named counter, drops included (``drop_...``)."""
        ...

    def sa_counters(self) -> Sequence[SaCounters]: ...

    def state(self) -> DataPlaneState: ...


class DataPlaneError(Exception):
    """The system refused; the message says what, why, and what to do."""
