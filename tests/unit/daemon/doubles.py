"""An endpoint that does what a test says, and a gateway made of doubles around it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import cast

from gatewright.audit.trail import Trail
from gatewright.control import models
from gatewright.control.service import CommandRefusedError
from gatewright.daemon.engines import Choice
from gatewright.daemon.executor import Executor, KeyExport
from gatewright.daemon.failures import Failures
from gatewright.daemon.gateway import Gateway, Parts
from gatewright.daemon.loop import Loop
from gatewright.daemon.persistence import AssignedStore
from gatewright.daemon.preparation import Prepared
from gatewright.daemon.secret_switch import SecretSwitch
from gatewright.daemon.sockets import SocketError
from gatewright.dataplane.memory import MemoryDataPlane
from gatewright.host.memory import MemoryHost
from gatewright.host.steering import LocalAddress
from gatewright.iana.algorithms import CIPHERS
from gatewright.ike.endpoint import Endpoint
from gatewright.ike.machine import Datagram
from gatewright.ike.outputs import (
    ChildSaEstablished,
    ChildSaSnapshot,
    Fault,
    IkeSaSnapshot,
    InstallChildSa,
    NegotiationFailed,
    Output,
)
from gatewright.ipsec.association import ChildSa, Encapsulation, SaKeys, Transport
from gatewright.ipsec.secret import Secret
from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.compiled import CompiledPolicy, Connection, Engine
from tests.support.policies import selector

OURS, THEIRS = ip_address("203.0.113.1"), ip_address("203.0.113.2")


class FakeEndpoint:
    """Has the interface of ``ike.endpoint.Endpoint``; ``calls`` is what it was told, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.outputs: list[Output] = []
        self.sas: tuple[IkeSaSnapshot, ...] = ()
        self.timeout: float | None = None
        self.on_up: list[Output] = []
        self.raises: Exception | None = None

    def receive(self, datagram: Datagram, now: float) -> None:
        del now
        self.calls.append(("receive", datagram))
        if self.raises is not None:
            raise self.raises

    def handle_timeout(self, now: float) -> None:
        self.calls.append(("timeout", now))
        self.timeout = None

    def next_timeout(self) -> float | None:
        return self.timeout

    def take_outputs(self) -> list[Output]:
        outputs, self.outputs = self.outputs, []
        return outputs

    def set_connections(self, connections: Sequence[Connection], now: float) -> None:
        del now
        self.calls.append(("connections", tuple(each.name for each in connections)))

    def acquire(self, policy_id: int, trigger: object, now: float) -> None:
        del now
        self.calls.append(("acquire", policy_id, trigger))

    def up(self, tunnel: str, now: float) -> None:
        del now
        self.calls.append(("up", tunnel))
        self.outputs += self.on_up

    def down(self, tunnel: str, now: float) -> None:
        del now
        self.calls.append(("down", tunnel))
        self.sas = ()

    def child_expiring(self, spi_in: int, hard: bool, now: float) -> None:
        del now
        self.calls.append(("expiring", spi_in, hard))

    def child_not_installed(self, spi_in: int, now: float) -> None:
        del now
        self.calls.append(("not_installed", spi_in))

    def peer_moved(self, spi_in: int, remote: object) -> None:
        self.calls.append(("moved", spi_in, remote))

    def shutdown(self, now: float) -> None:
        del now
        self.calls.append(("shutdown",))
        self.sas = ()

    def snapshot(self, now: float) -> tuple[IkeSaSnapshot, ...]:
        del now
        return self.sas

    def counters(self) -> Mapping[str, int]:
        return {"sessions": len(self.sas)}


class FakeSockets:
    """Implements ``daemon.sockets.Sockets``."""

    def __init__(self) -> None:
        self.open: set[IPAddress] = set()
        self.sent: list[Datagram] = []
        self.refuse = ""
        self.overflown = 0

    def listen(self, addresses: Iterable[IPAddress]) -> None:
        if self.refuse:
            raise SocketError(self.refuse)
        self.open = set(addresses)

    def send(self, datagram: Datagram) -> None:
        if self.refuse:
            raise OSError(1, self.refuse)
        self.sent.append(datagram)

    def overflows(self) -> int:
        return self.overflown

    def close(self) -> None:
        self.open = set()


class NoSecrets:
    def preshared_key(self, name: str) -> Secret:
        raise KeyError(name)


class Bench:
    """A gateway of doubles.  ``policies`` maps a policy file's text to what it compiles to."""

    def __init__(self, directory: Path, key_export: KeyExport | None = None) -> None:
        self.policies: dict[str, CompiledPolicy] = {}
        self.endpoint = FakeEndpoint()
        self.planes = [MemoryDataPlane()]
        self.engines = [Engine.USER_SPACE]
        self.refuse_kernel: dict[str, str] = {}
        self.sockets = FakeSockets()
        self.host = MemoryHost([LocalAddress(OURS, "wan")])
        self.trail = Trail(lambda: 1000.0)
        self.failures = Failures(lambda: 1000.0)
        self.store = AssignedStore(directory)
        self.ended: list[bool] = []
        executor = Executor(self.planes[0], self.sockets.send, self.trail, key_export)
        executor.observe(self.failures)
        self.loop = Loop(
            asyncio.get_running_loop(),
            cast(Endpoint, self.endpoint),
            executor,
            self.trail,
            lambda: self.ended.append(True),
        )
        parts = Parts(
            loop=self.loop,
            sockets=self.sockets,
            host=self.host,
            make_dataplane=self._new_plane,
            choose=lambda policy: Choice(policy.engine, "by the policy"),
            prepare=self._prepare,
            secrets=SecretSwitch(),
            trail=self.trail,
            failures=self.failures,
            store=self.store,
            wall_clock=lambda: 1000.0,
        )
        self.gateway = Gateway(parts)

    @property
    def plane(self) -> MemoryDataPlane:
        return self.planes[-1]

    def texts(self) -> list[str]:
        """The trail, as sentences."""
        return [record.event.text for record in self.trail.newest(100)]

    def _new_plane(self, engine: Engine) -> MemoryDataPlane:
        self.engines.append(engine)
        plane = MemoryDataPlane()
        if engine is Engine.KERNEL:
            plane.refuse = dict(self.refuse_kernel)
        self.planes.append(plane)
        return self.plane

    def _prepare(self, text: str, filename: str, addresses: Sequence[IPAddress]) -> Prepared:
        del filename, addresses
        if text not in self.policies:
            problem = models.Problem(code="policy-error", what="The policy has an error.")
            raise CommandRefusedError(422, problem)
        return Prepared(self.policies[text], NoSecrets())


def child_sa(spi_in: int = 0x1001, policy_id: int = 1, child: str = "branch 1") -> ChildSa:
    keys = SaKeys(Secret(bytes(36)), Secret(b""))
    return ChildSa(
        spi_in=spi_in,
        spi_out=0x2001,
        policy_id=policy_id,
        tunnel="branch",
        child=child,
        transport=Transport(OURS, THEIRS, Encapsulation.PROTOCOL_50),
        cipher=CIPHERS[0],
        integrity=None,
        keys_in=keys,
        keys_out=keys,
        esn=True,
        local=(selector("192.168.10.0/24"),),
        remote=(selector("10.20.0.0/24"),),
    )


def established(sa: ChildSa) -> list[Output]:
    return [InstallChildSa(sa), ChildSaEstablished(sa, initiator=True)]


def failure(tunnel: str = "branch", policy_ids: tuple[int, ...] = (1,)) -> NegotiationFailed:
    return NegotiationFailed(
        tunnel, "IKE SA", Fault.TIMEOUT, "The peer did not answer.", policy_ids=policy_ids
    )


def ike_snapshot(
    tunnel: str = "branch", state: str = "established", policy_id: int | None = 1
) -> IkeSaSnapshot:
    children: tuple[ChildSaSnapshot, ...] = ()
    if policy_id is not None:
        child = ChildSaSnapshot(
            "branch 1", policy_id, 0x1001, 0x2001, "aes-256-gcm", "esp", "up", 5.0, 60.0, 90.0
        )
        children = (child,)
    return IkeSaSnapshot(
        tunnel,
        2,
        state,
        True,
        "203.0.113.1:500",
        "203.0.113.2:500",
        "203.0.113.2",
        "aes-256-gcm / x25519",
        "none",
        "01",
        "02",
        5.0,
        60.0,
        90.0,
        children,
    )
