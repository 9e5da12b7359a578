"""The control interface's commands and questions, answered by a gateway."""

from __future__ import annotations

import asyncio
import difflib
import os
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from gatewright import __version__
from gatewright.audit.event import Record
from gatewright.control import models
from gatewright.control.service import CommandRefusedError
from gatewright.daemon import snapshot
from gatewright.daemon.gateway import Gateway
from gatewright.daemon.records import event_model
from gatewright.daemon.tunnel_commands import TunnelCommands
from gatewright.host import guards
from gatewright.policy.compiled import CompiledPolicy, Connection

_FOLLOW_LIMIT = 1000  # events that wait for a slow reader; then the oldest go


class GatewayService:
    """Implements ``control.service.Service``."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        parts = gateway.parts
        self._commands = TunnelCommands(parts.loop, parts.failures, parts.wall_clock)
        self._started = self._now()
        self._counters: tuple[CompiledPolicy, tuple[guards.GuardCounter, ...]] | None = None
        self._followers: set[asyncio.Queue[Record | None]] = set()

    async def status(self) -> models.Status:
        parts = self._gateway.parts
        loop, now = parts.loop, asyncio.get_running_loop().time()
        blocked = await asyncio.to_thread(parts.host.guard_counters)
        base = models.Status(
            gateway_version=__version__,
            pid=os.getpid(),
            started=self._started,
            now=self._now(),
            ike_counters=dict(loop.endpoint.counters()),
            daemon_counters={
                **loop.executor.counters,
                "ike_receive_overflow": parts.sockets.overflows(),
            },
        )
        in_force = self._gateway.in_force
        if in_force is None:
            return base
        plane = loop.executor.dataplane
        counters = {each.spi_in: each for each in plane.sa_counters()}
        sas = loop.endpoint.snapshot(now)
        compiled = in_force.compiled
        return base.model_copy(
            update={
                "policy": in_force.shown,
                "tunnels": snapshot.tunnels(compiled, sas, counters, blocked, parts.failures.of),
                "guards": snapshot.blocked_packets(self._guard_counters(compiled), blocked),
                "data_plane": snapshot.data_plane(plane, in_force.choice.reason),
            }
        )

    def _guard_counters(self, policy: CompiledPolicy) -> tuple[guards.GuardCounter, ...]:
        """Found out once for a policy: it is most of the work of a status of many tunnels."""
        if self._counters is None or self._counters[0] is not policy:
            self._counters = policy, guards.counters(policy)
        return self._counters[1]

    async def assign(self, request: models.AssignRequest) -> models.AssignResult:
        return await self._gateway.assign(request.text, request.filename)

    async def unassign(self) -> models.UnassignResult:
        return await self._gateway.unassign()

    def up(self, tunnel: str, timeout: float) -> AsyncIterator[models.Progress]:
        return self._commands.up(self._connection(tunnel), timeout)

    def down(self, tunnel: str, timeout: float) -> AsyncIterator[models.Progress]:
        return self._commands.down(self._connection(tunnel), timeout)

    def events(self, count: int, tunnel: str | None) -> Sequence[models.Event]:
        return [event_model(each) for each in self._gateway.parts.trail.newest(count, tunnel)]

    async def follow(self, count: int, tunnel: str | None) -> AsyncIterator[models.Event]:
        queue: asyncio.Queue[Record | None] = asyncio.Queue(_FOLLOW_LIMIT)

        def hear(record: Record) -> None:
            if tunnel is None or record.event.tunnel == tunnel:
                _put(queue, record)

        stop = self._gateway.parts.trail.listen(hear)
        self._followers.add(queue)
        former = self.events(count, tunnel)
        try:
            for event in former:
                yield event
            while (record := await queue.get()) is not None:
                yield event_model(record)
        finally:
            self._followers.discard(queue)
            stop()

    def close(self) -> None:
        """End the streams of those who follow."""
        for queue in self._followers:
            _put(queue, None)

    def _connection(self, tunnel: str) -> Connection:
        in_force = self._gateway.in_force
        connections = {c.name: c for c in in_force.compiled.connections} if in_force else {}
        found = connections.get(tunnel)
        if found is not None:
            return found
        near = difflib.get_close_matches(tunnel, connections, 1)
        names = ", ".join(f'"{name}"' for name in connections)
        if in_force is None:
            why, advice = "No policy is assigned.", "Assign one with 'gatewright assign POLICY'."
        else:
            why = f"The policy's tunnels are: {names}." if names else "The policy has no tunnel."
            advice = f'Did you mean "{near[0]}"?' if near else ""
        problem = models.Problem(
            code="no-such-tunnel", what=f'There is no tunnel "{tunnel}".', why=why, advice=advice
        )
        raise CommandRefusedError(404, problem)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._gateway.parts.wall_clock(), UTC)


def _put(queue: asyncio.Queue[Record | None], record: Record | None) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(record)
