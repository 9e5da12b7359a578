"""Commands against a service of doubles behind a real socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gatewright.cli.main import app
from tests.unit.control.doubles import FakeService
from tests.unit.control.serving import Call, serving


@dataclass(frozen=True, slots=True)
class Commands:
    """``gatewright`` as somebody types it, with ``--control`` added."""

    service: FakeService
    control: Path
    call: Call

    def __call__(self, *arguments: str) -> Result:
        return invoke(*arguments, "--control", str(self.control))


def invoke(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, arguments)


@pytest.fixture
def gatewright() -> Callable[..., Result]:
    return invoke


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    made: list[FakeService] = []

    def make() -> FakeService:
        made.append(FakeService())
        return made[0]

    path = tmp_path / "control.sock"
    with serving(make, path) as call:
        yield Commands(made[0], path, call)
