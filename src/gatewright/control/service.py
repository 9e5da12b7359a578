"""What the control interface needs from the daemon, and how the daemon says no."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from gatewright.control.models import (
    AssignRequest,
    AssignResult,
    Event,
    Problem,
    Progress,
    Status,
    UnassignResult,
)


class CommandRefusedError(Exception):
    """A command was not carried out, and nothing was changed.  ``status`` is the HTTP status."""

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(problem.what)
        self.status = status
        self.problem = problem


class Service(Protocol):
    """Commands and questions.  Each raises ``CommandRefusedError``."""

    async def status(self) -> Status: ...

    async def assign(self, request: AssignRequest) -> AssignResult: ...

    async def unassign(self) -> UnassignResult: ...

    def up(self, tunnel: str, timeout: float) -> AsyncIterator[Progress]:
        """Bring up; yields events of the tunnel and last the result.  404 for an unknown tunnel."""
        ...

    def down(self, tunnel: str, timeout: float) -> AsyncIterator[Progress]: ...

    def events(self, count: int, tunnel: str | None) -> Sequence[Event]: ...

    def follow(self, count: int, tunnel: str | None) -> AsyncIterator[Event]:
        """The newest ``count`` events, then those to come, without a gap and without end."""
        ...
