"""A gateway's service that says what a test wants it to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from gatewright.control import models
from gatewright.control.service import CommandRefusedError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def event(sequence: int, tunnel: str = "branch", text: str = "text") -> models.Event:
    return models.Event(
        sequence=sequence,
        first=NOW,
        last=NOW,
        count=1,
        number=541,
        kind="ike-sa-established",
        severity="information",
        tunnel=tunnel,
        text=text,
    )


def refusal() -> CommandRefusedError:
    problem = models.Problem(
        code="policy-error",
        what="The policy has an error and was not put in force.",
        findings=[
            models.Finding(
                code="c", severity="error", file="p.yaml", line=3, what="w", why="y", instead="i"
            )
        ],
    )
    return CommandRefusedError(422, problem)


class FakeService:
    """Implements ``control.service.Service``; ``closing`` ends the streams."""

    def __init__(self) -> None:
        self.assigned: list[models.AssignRequest] = []
        self.refuse: CommandRefusedError | None = None
        self.state = models.Status(gateway_version="0", pid=1, started=NOW, now=NOW)
        self.record = [event(1), event(2, "other")]
        self.news: asyncio.Queue[models.Event | None] = asyncio.Queue()
        self.progress: list[models.Progress] = []
        self.waits: list[float] = []
        self.following = 0

    async def status(self) -> models.Status:
        return self.state

    async def assign(self, request: models.AssignRequest) -> models.AssignResult:
        if self.refuse is not None:
            raise self.refuse
        self.assigned.append(request)
        shown = models.Policy(name="p", source=request.filename, assigned=NOW)
        return models.AssignResult(policy=shown, changes=['Tunnel "branch" was added.'])

    async def unassign(self) -> models.UnassignResult:
        return models.UnassignResult(policy="p")

    async def up(self, tunnel: str, timeout: float) -> AsyncIterator[models.Progress]:
        self.waits.append(timeout)
        if tunnel != "branch/office ä":
            problem = models.Problem(code="no-such-tunnel", what=f'There is no tunnel "{tunnel}".')
            raise CommandRefusedError(404, problem)
        for each in self.progress:
            yield each

    async def down(self, tunnel: str, timeout: float) -> AsyncIterator[models.Progress]:
        self.waits.append(timeout)
        text = f'Tunnel "{tunnel}" is down.'
        yield models.Progress(result=models.TunnelResult(tunnel=tunnel, result="down", text=text))

    def events(self, count: int, tunnel: str | None) -> Sequence[models.Event]:
        return [each for each in self.record if tunnel in (None, each.tunnel)][-count:]

    async def follow(self, count: int, tunnel: str | None) -> AsyncIterator[models.Event]:
        self.following += 1
        try:
            for each in self.events(count, tunnel):
                yield each
            while (new := await self.news.get()) is not None:
                yield new
        finally:
            self.following -= 1
