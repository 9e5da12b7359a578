"""The calling convention of every machine in this package, and what it is given to work with.

A machine never touches a socket, a clock, a file or a random source of its own.  It is driven by

* *inputs*: ``receive(datagram, now)``, ``handle_timeout(now)`` and user commands, each with the
  current time ``now`` in seconds of a monotonic clock;
* *outputs*, drained afterwards: ``take_outputs()`` gives everything to do, in order, exactly once;
  ``next_timeout()`` gives the time at which ``handle_timeout`` wants to be called, or None.

The caller drains after each input.  Inputs never raise for anything that a peer can cause.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gatewright.ike.outputs import IkeSaSnapshot, Output
from gatewright.ipsec.secret import Secret
from gatewright.ipsec.selectors import IPAddress, TrafficSelector
from gatewright.policy.compiled import Child, Connection

IKE_PORT = 500
NAT_T_PORT = 4500


@dataclass(frozen=True, slots=True)
class Address:
    """One end of a datagram."""

    ip: IPAddress
    port: int

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if self.ip.version == 6 else f"{self.ip}:{self.port}"


@dataclass(frozen=True, slots=True)
class Datagram:
    """One IKE message with its addresses.

    ``local.port`` says which of our sockets it belongs to: 500, or 4500, where a non-ESP marker
    stands before the message on the wire (RFC 3948 section 2.2).  The transport adds and removes
    the marker: ``payload`` never has it.
    """

    local: Address
    remote: Address
    payload: bytes


RandomSource = Callable[[int], bytes]
"""Gives that many unpredictable octets; a seeded generator in tests."""


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class ReservedSpi:
    """A number that nobody else is given while this object is there."""

    number: int


class SecretSource(Protocol):
    """Where the machines get preshared keys from, by name."""

    def preshared_key(self, name: str) -> Secret:
        """The key; raises KeyError when there is none of that name."""
        ...


@dataclass(frozen=True, slots=True)
class Timing:
    """Retransmission and limits, in seconds.  The defaults give up after about 31 s.

    Waits ``first_retransmit * backoff**n`` after the n-th transmission, ``tries`` in all, as RFC
    7296 section 2.1 leaves to the implementation.
    """

    first_retransmit: float = 1.0
    backoff: float = 2.0
    tries: int = 5
    half_open_lifetime: float = 30.0
    retry_delay: float = 5.0  # after a failed negotiation that traffic still wants
    rekey_margin: float = 0.1  # share of a lifetime before its end at which to rekey
    volume_margin: float = 0.25  # the same of a limit in octets, which may come fast
    rekey_fuzz: float = 0.5  # share of the margin that is random (RFC 7296 section 2.8)
    rekey_overlap: float = 5.0  # how long a replaced inbound SA is kept for packets on their way
    nat_keepalive: float = 20.0
    settle: float = 0.1  # what the peer gets to install a first pair before we send on it
    least_margin: float = 5.0  # seconds, where a share of a short lifetime would be less

    def margin(self, lifetime: float) -> float:
        """Seconds before the end of a lifetime at which to rekey.

        In a short life there must be time as well to send a message again, and for the packets
        that are on their way on the old SA when its successor takes over: up to half of it.
        """
        return max(lifetime * self.rekey_margin, min(self.least_margin, lifetime / 2))


def no_connections(local: IPAddress, remote: IPAddress) -> Sequence[Connection]:
    """For a session that stands alone, as in a test."""
    del local, remote
    return ()


def no_sessions(local: IPAddress, remote: IPAddress) -> Sequence[Session]:
    """For a session that stands alone, as in a test."""
    del local, remote
    return ()


@dataclass(frozen=True, slots=True)
class Context:
    """What a session may use.  One for all sessions of an endpoint.

    ``allocate_spi`` gives an inbound ESP SPI that no other SA of this gateway has (at least 256),
    to be held on to until the SA is installed; the endpoint takes it back when the SA is deleted.
    ``connection_for`` finds the connection by addresses and, when known, the peer's version;
    sessions of a responder call it again when the identity is known.
    ``export_keys``: emit ``KeysDerived`` outputs, which the caller writes for a protocol analyser.
    ``connections_between`` and ``sessions_between`` give the connections of the assigned policy
    between a local and a remote address, and their sessions: an IKEv1 main mode SA is with a peer,
    serves all tunnels to it, and leaves its child SAs to another one.
    """

    random: RandomSource
    secrets: SecretSource
    timing: Timing
    allocate_spi: Callable[[], ReservedSpi]
    export_keys: bool = False
    connections_between: Callable[[IPAddress, IPAddress], Sequence[Connection]] = no_connections
    sessions_between: Callable[[IPAddress, IPAddress], Sequence[Session]] = no_sessions


class Session(Protocol):
    """One IKE SA of either version, with its children.  Made by the endpoint.

    The endpoint demultiplexes on the pair of SPIs (IKEv1: cookies); ``spi_r`` is eight zero octets
    until the responder has chosen.
    """

    @property
    def spi_i(self) -> bytes: ...

    @property
    def spi_r(self) -> bytes: ...

    @property
    def is_initiator(self) -> bool: ...

    @property
    def connection(self) -> Connection: ...

    @property
    def established(self) -> bool: ...

    @property
    def nat(self) -> str:
        """Which side is behind a NAT, in the words of ``IkeSaSnapshot``."""
        ...

    @property
    def closed(self) -> bool:
        """Nothing more will come out of it: the endpoint drops it after draining."""
        ...

    def receive(self, datagram: Datagram, now: float) -> None: ...

    def handle_timeout(self, now: float) -> None: ...

    def next_timeout(self) -> float | None: ...

    def take_outputs(self) -> list[Output]: ...

    def start(self, now: float) -> None:
        """Begin as initiator: send the first message."""
        ...

    def create_child(
        self,
        child: Child,
        now: float,
        trigger: tuple[TrafficSelector, TrafficSelector] | None = None,
    ) -> None:
        """Negotiate a child SA, at once or as soon as the IKE SA stands.

        ``trigger`` are the source and destination of the packet that wants it (RFC 7296 section
        2.9: sent as the first, most specific selectors).  Does nothing if one is under way.
        """
        ...

    def rekey_child(self, spi_in: int, now: float) -> None: ...

    def child_used_up(self, spi_in: int, now: float) -> None:
        """Octets or sequence numbers are at their limit: nothing is sent on it any more.

        Its successor comes into use at once, or is negotiated; for a moment it still receives.
        """
        ...

    def delete_child(self, spi_in: int, now: float) -> None: ...

    def close(self, now: float, reason: str) -> None:
        """Delete the IKE SA with its children and tell the peer."""
        ...

    def update_connection(self, connection: Connection, now: float) -> None:
        """Settings were edited in a way that leaves this SA valid (the endpoint decides that)."""
        ...

    def snapshot(self, now: float) -> IkeSaSnapshot: ...
