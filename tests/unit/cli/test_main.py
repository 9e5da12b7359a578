from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from gatewright import __version__
from gatewright.cli.exits import Exit

HEAVY = {
    "cryptography",
    "pydantic",
    "pyroute2",
    "starlette",
    "uvicorn",
    "ruamel.yaml",
    "yaml",
    "asyncio",
}


def test_the_version_is_that_of_the_package(gatewright: Callable[..., Result]) -> None:
    result = gatewright("--version")
    assert result.output == f"gatewright {__version__}\n"
    root = Path(__file__).parents[3]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__


def test_nothing_heavy_is_loaded_before_a_command_runs() -> None:
    script = "import gatewright.cli.main, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(done.stdout.split())


@pytest.mark.parametrize(
    "command",
    ["run", "assign", "unassign", "status", "up", "down", "log", "check", "show", "demo"],
)
def test_every_command_has_help_and_json(gatewright: Callable[..., Result], command: str) -> None:
    result = gatewright(command, "--help")
    assert result.exit_code == Exit.DONE
    assert "--json" in result.output


def test_exit_statuses_are_documented(gatewright: Callable[..., Result]) -> None:
    text = " ".join(gatewright("--help").output.split())
    for status in Exit:
        assert f"{status.value} " in text.partition("Exit status:")[2]


@pytest.mark.parametrize("command", [["status"], ["up", "x"], ["log"], ["unassign"]])
def test_no_gateway(gatewright: Callable[..., Result], tmp_path: Path, command: list[str]) -> None:
    result = gatewright(*command, "--control", str(tmp_path / "none"))
    assert result.exit_code == Exit.NO_GATEWAY
    assert "No gateway is running." in result.stderr
    assert "gatewright run POLICY" in result.stderr
    assert "Traceback" not in result.output
