"""One way from hostA to hostB."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from bench import tool
from bench.machine import process_seconds, resident_bytes
from gatewright.lab.world import World


@dataclass(frozen=True, slots=True)
class Path:
    """A world ready to be measured, its receiver running.

    ``host``: the receiver's address; ``pids``: the gateways' processes.
    """

    name: str
    world: World
    host: str
    pids: Sequence[int] = ()

    @property
    def to(self) -> str:
        """Where its receiver listens."""
        return f"{self.host}:{tool.PORT}"

    def gateway_seconds(self) -> float:
        """Processor time of both gateways' processes so far."""
        return process_seconds(self.pids)

    def memory(self) -> int:
        """Resident octets of both gateways together."""
        return sum(resident_bytes(pid) for pid in self.pids)


Builder = Callable[[ExitStack, str], Path]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of path: its name, how it is built, and what keeps it from being built here.

    ``missing`` gives the reason in words, or None; it may try to fetch what is missing.
    """

    name: str
    build: Builder
    missing: Callable[[], str | None] = lambda: None


@dataclass(frozen=True, slots=True)
class Beside:
    """Another way through the gateways of a path: to another address of its receiver."""

    name: str
    of: Kind
    host: str

    def on(self, path: Path) -> Path:
        """``path``: of the kind that it is beside."""
        return replace(path, name=self.name, host=self.host)


def ready(stack: ExitStack, name: str, world: World, pids: Sequence[int] = ()) -> Path:
    """The path through a world whose gateways stand: start its receiver."""
    receiver = tool.far_end(world.host_b, world.directory)
    stack.callback(receiver.stop)
    return Path(name, world, world.ipv4.b.host, pids)
