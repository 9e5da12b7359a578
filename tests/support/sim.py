"""A simulated Internet with a virtual clock: machines of either IKE version exchange datagrams.

`Network` moves what machines transmit, with latency, loss, duplication, reordering and NATs, all
from one seed, and calls their timeouts.  Nothing here knows a version of IKE: a machine is
whatever has the four methods of `gatewright.ike.machine`.  Each host keeps a `SaDatabase`, the
data plane's side of the story, in which a test can look whether traffic would pass.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Protocol, TypeVar

from gatewright.ike.machine import Address, Datagram
from gatewright.ike.outputs import (
    ActivateChildSa,
    DeleteChildSa,
    InstallChildSa,
    NegotiationFailed,
    Output,
    Transmit,
    UpdateTransport,
)
from gatewright.ipsec.association import ChildSa
from gatewright.ipsec.selectors import IPAddress

MAX_EVENTS = 100_000


class Machine(Protocol):
    """What drives itself by inputs and outputs: an endpoint, or one session."""

    def receive(self, datagram: Datagram, now: float) -> None: ...

    def handle_timeout(self, now: float) -> None: ...

    def next_timeout(self) -> float | None: ...

    def take_outputs(self) -> list[Output]: ...


@dataclass(frozen=True, slots=True)
class Packet:
    """An IKE message on its way; the addresses are those of the IP and UDP headers."""

    source: Address
    destination: Address
    payload: bytes


@dataclass(frozen=True, slots=True)
class Weather:
    """How the Internet treats packets: probabilities, and seconds."""

    latency: float = 0.01
    jitter: float = 0.0  # more than the gap between two packets reorders them
    loss: float = 0.0
    duplication: float = 0.0


class Nat:
    """A NAT in front of one host: endpoint-independent mappings, made by outgoing packets."""

    def __init__(self, inside: IPAddress, outside: IPAddress) -> None:
        self.inside = inside
        self.outside = outside
        self._ports: dict[int, int] = {}
        self._next_port = 30_000

    def forward(self, port: int) -> None:
        """Forward this port to the host inside, as for a server."""
        self._ports[port] = port

    def rebind(self) -> None:
        """Forget the mappings, as after a reboot: outgoing packets get new ports."""
        self._ports.clear()

    def outbound(self, packet: Packet) -> Packet:
        port = packet.source.port
        if port not in self._ports:
            self._ports[port] = self._next_port
            self._next_port += 1
        return replace(packet, source=Address(self.outside, self._ports[port]))

    def inbound(self, packet: Packet) -> Packet | None:
        for inner, outer in self._ports.items():
            if outer == packet.destination.port:
                return replace(packet, destination=Address(self.inside, inner))
        return None


class SaDatabase:
    """The SAs that a machine had installed, with the data plane's rules of standby."""

    def __init__(self) -> None:
        self.pairs: dict[int, ChildSa] = {}  # by inbound SPI, oldest first
        self._standby: set[int] = set()

    def apply(self, output: Output) -> None:
        match output:
            case InstallChildSa(sa):
                assert sa.spi_in not in self.pairs, "an inbound SPI was installed twice"
                self.pairs[sa.spi_in] = sa
                if sa.outbound_standby:
                    self._standby.add(sa.spi_in)
            case ActivateChildSa(spi_in):
                assert spi_in in self.pairs, "an unknown pair was activated"
                self._standby.discard(spi_in)
            case DeleteChildSa(spi_in):
                assert spi_in in self.pairs, "an unknown pair was deleted"
                del self.pairs[spi_in]
                self._standby.discard(spi_in)
            case UpdateTransport(spi_in, remote, port):
                sa = self.pairs[spi_in]
                address = type(sa.transport.remote)(remote)
                transport = replace(sa.transport, remote=address, remote_port=port)
                self.pairs[spi_in] = replace(sa, transport=transport)
            case _:
                pass

    def arrived(self, spi_in: int) -> None:
        """An authentic packet came on this pair, which ends its standby."""
        self._standby.discard(spi_in)

    def outbound(self, policy_id: int) -> ChildSa | None:
        """The pair that a packet of this policy leaves on: the newest that is not on standby."""
        active = [
            sa
            for sa in self.pairs.values()
            if sa.policy_id == policy_id and sa.spi_in not in self._standby
        ]
        return active[-1] if active else None


O = TypeVar("O")  # noqa: E741


@dataclass(eq=False)
class Host:
    """A machine at its addresses, what it told, and its SAs."""

    name: str
    addresses: tuple[IPAddress, ...]
    machine: Machine
    outputs: list[Output] = field(default_factory=list)
    sad: SaDatabase = field(default_factory=SaDatabase)

    def told(self, kind: type[O]) -> list[O]:
        """All outputs of one class, so far."""
        return [output for output in self.outputs if isinstance(output, kind)]

    def failures(self) -> list[NegotiationFailed]:
        return self.told(NegotiationFailed)

    def sends_to(self, other: Host, policy_id: int, their_policy_id: int | None = None) -> bool:
        """Whether a packet that leaves on our newest SA would be opened by the other host."""
        out = self.sad.outbound(policy_id)
        if out is None:
            return False
        into = other.sad.pairs.get(out.spi_out)
        wanted = policy_id if their_policy_id is None else their_policy_id
        return into is not None and into.keys_in == out.keys_out and into.policy_id == wanted


Interceptor = Callable[[Packet], Iterator[Packet] | list[Packet] | None]
"""Sees each packet before the weather does; gives what passes in its place, None for the same."""


class Network:
    """The Internet between some hosts.  ``now`` is the virtual clock, in seconds."""

    def __init__(self, seed: int = 0, weather: Weather | None = None) -> None:
        self.now = 1000.0
        self.weather = weather or Weather()
        self.hosts: list[Host] = []
        self.carried: list[tuple[float, Packet]] = []
        self.interceptors: list[Interceptor] = []
        self._nats: list[Nat] = []
        self._random = random.Random(seed)
        self._in_flight: list[tuple[float, int, Packet]] = []
        self._order = count()

    def add(self, name: str, machine: Machine, *addresses: IPAddress) -> Host:
        host = Host(name, addresses, machine)
        self.hosts.append(host)
        return host

    def add_nat(self, nat: Nat) -> Nat:
        self._nats.append(nat)
        return nat

    # --- moving packets ----------------------------------------------------------------------

    def inject(self, packet: Packet) -> None:
        """Somebody else's packet: it arrives at once."""
        heapq.heappush(self._in_flight, (self.now, next(self._order), packet))

    def drain(self, host: Host) -> None:
        """Carry out what a machine wants, after an input that a test gave it."""
        for output in host.machine.take_outputs():
            host.outputs.append(output)
            host.sad.apply(output)
            if isinstance(output, Transmit):
                sent = output.datagram
                assert sent.local.ip in host.addresses, "sent from an address of somebody else"
                self._send(Packet(sent.local, sent.remote, sent.payload))

    def _send(self, packet: Packet) -> None:
        for nat in self._nats:
            if packet.source.ip == nat.inside:
                packet = nat.outbound(packet)
        passing: Iterator[Packet] | list[Packet] = [packet]
        for interceptor in self.interceptors:
            seen = list(passing)
            passing = []
            for each in seen:
                instead = interceptor(each)
                passing.extend([each] if instead is None else instead)
        for each in passing:
            self.carried.append((self.now, each))
            self._expose(each)

    def _expose(self, packet: Packet) -> None:
        """Let the weather have its way with a packet."""
        copies = 2 if self._random.random() < self.weather.duplication else 1
        for _ in range(copies):
            if self._random.random() < self.weather.loss:
                continue
            arrival = self.now + self.weather.latency + self.weather.jitter * self._random.random()
            heapq.heappush(self._in_flight, (arrival, next(self._order), packet))

    def _deliver(self, packet: Packet) -> None:
        for nat in self._nats:
            if packet.destination.ip == nat.outside:
                inside = nat.inbound(packet)
                if inside is None:
                    return
                packet = inside
        for host in self.hosts:
            if packet.destination.ip in host.addresses:
                datagram = Datagram(packet.destination, packet.source, packet.payload)
                host.machine.receive(datagram, self.now)
                self.drain(host)

    # --- time --------------------------------------------------------------------------------

    def _next_event(self) -> float | None:
        times = [host.machine.next_timeout() for host in self.hosts]
        times.append(self._in_flight[0][0] if self._in_flight else None)
        return min((time for time in times if time is not None), default=None)

    def step(self) -> bool:
        """The next event, whatever it is; False when nothing will ever happen."""
        due = self._next_event()
        if due is None:
            return False
        self.now = max(self.now, due)
        if self._in_flight and self._in_flight[0][0] <= self.now:
            self._deliver(heapq.heappop(self._in_flight)[2])
            return True
        for host in self.hosts:
            timeout = host.machine.next_timeout()
            if timeout is not None and timeout <= self.now:
                host.machine.handle_timeout(self.now)
                self.drain(host)
        return True

    def run(self, seconds: float) -> None:
        """Let that much time pass."""
        end = self.now + seconds
        for host in self.hosts:
            self.drain(host)
        for _ in range(MAX_EVENTS):
            due = self._next_event()
            if due is None or due > end:
                self.now = end
                return
            self.step()
        raise AssertionError("the machines never come to rest")

    def run_until(self, reached: Callable[[], bool], limit: float = 300.0) -> None:
        """Until something is true; AssertionError when that takes more than ``limit`` seconds."""
        end = self.now + limit
        for host in self.hosts:
            self.drain(host)
        for _ in range(MAX_EVENTS):
            if reached():
                return
            due = self._next_event()
            assert due is not None, "nothing happens any more, and it has not been reached"
            assert due <= end, f"not reached within {limit} s"
            self.step()
        raise AssertionError("the machines never come to rest")
