"""``up`` and ``down``: start it, tell what happens, and say how it ended."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeGuard

from gatewright.audit.event import Event
from gatewright.control.models import Failure, Progress, TunnelResult
from gatewright.daemon.failures import Failures
from gatewright.daemon.loop import Loop
from gatewright.daemon.records import passing_event
from gatewright.daemon.snapshot import child_is_up
from gatewright.ike.outputs import IkeSaSnapshot, NegotiationFailed, Output
from gatewright.policy.compiled import Connection

_LOOK_AGAIN = 0.25  # seconds; states that change without an event

Judge = Callable[[tuple[IkeSaSnapshot, ...], Failure | None], TunnelResult | None]
"""Says from the SAs of a tunnel and its first failure whether a command has come to its end."""


class _News:
    """Outputs that concern one tunnel, from the command on."""

    def __init__(self, tunnel: str) -> None:
        self._tunnel = tunnel
        self._waiting: deque[tuple[Output, Event]] = deque()
        self._arrived = asyncio.Event()

    def __call__(self, output: Output, event: Event | None) -> None:
        if event is not None and event.tunnel == self._tunnel:
            self._waiting.append((output, event))
            self._arrived.set()

    def take(self) -> Iterator[tuple[Output, Event]]:
        self._arrived.clear()
        while self._waiting:
            yield self._waiting.popleft()

    async def wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), seconds)


class TunnelCommands:
    """``wall_clock``: seconds since 1970."""

    def __init__(self, loop: Loop, failures: Failures, wall_clock: Callable[[], float]) -> None:
        self._loop = loop
        self._failures = failures
        self._clock = wall_clock

    def up(self, connection: Connection, timeout: float) -> AsyncIterator[Progress]:
        """Progress until each child has an SA, one of them failed, or the time is over."""
        command = partial(self._loop.endpoint.up, connection.name)
        return self._run(connection, command, partial(_is_up, connection), timeout)

    def down(self, connection: Connection, timeout: float) -> AsyncIterator[Progress]:
        """Progress until no SA of the tunnel is left, or the time is over."""
        command = partial(self._loop.endpoint.down, connection.name)
        return self._run(connection, command, partial(_is_down, connection), timeout)

    async def _run(
        self,
        connection: Connection,
        command: Callable[[float], None],
        judge: Judge,
        timeout: float,
    ) -> AsyncIterator[Progress]:
        clock = asyncio.get_running_loop().time
        began = clock()
        failed: Failure | None = None
        with self._hearing(connection.name) as news:
            self._loop.command(command)
            while True:
                for output, event in news.take():
                    if failed is None and _counts(output):
                        failed = self._failures.failure(output)
                    yield Progress(event=passing_event(event, self._clock()))
                result = judge(self._loop.endpoint.snapshot(clock()), failed)
                left = began + timeout - clock()
                if result is None and left <= 0:
                    result = _pending(connection, timeout)
                if result is not None:
                    yield Progress(result=result.model_copy(update={"seconds": clock() - began}))
                    return
                await news.wait(min(left, _LOOK_AGAIN))

    @contextmanager
    def _hearing(self, tunnel: str) -> Iterator[_News]:
        news = _News(tunnel)
        stop = self._loop.executor.observe(news)
        try:
            yield news
        finally:
            stop()


def _counts(output: Output) -> TypeGuard[NegotiationFailed]:
    """Whether a command fails with it: what strangers do says nothing about the peer."""
    return isinstance(output, NegotiationFailed) and not output.by_stranger


def _is_up(
    connection: Connection, sas: tuple[IkeSaSnapshot, ...], failed: Failure | None
) -> TunnelResult | None:
    name = connection.name
    if failed is not None:
        return TunnelResult(tunnel=name, result="failed", text=failed.explanation, failure=failed)
    if all(child_is_up(connection, child, sas) for child in connection.children):
        return TunnelResult(tunnel=name, result="up", text=f'Tunnel "{name}" is up.')
    return None


def _is_down(
    connection: Connection, sas: tuple[IkeSaSnapshot, ...], failed: Failure | None
) -> TunnelResult | None:
    del failed  # what failed is not up
    name = connection.name
    if any(sa.tunnel == name for sa in sas):
        return None
    text = f'Tunnel "{name}" is down. Traffic that it protects brings it up again, else it waits.'
    return TunnelResult(tunnel=name, result="down", text=text)


def _pending(connection: Connection, timeout: float) -> TunnelResult:
    text = (
        f'Tunnel "{connection.name}" is still under way after {timeout:.0f} seconds: '
        f"{connection.remote} has not answered in full. It goes on without this command."
    )
    return TunnelResult(tunnel=connection.name, result="pending", text=text)
