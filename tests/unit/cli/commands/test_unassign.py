from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from gatewright.cli.exits import Exit
from gatewright.control import models
from gatewright.control.listener import SocketInUseError
from gatewright.daemon import offline
from gatewright.host.names import HostError
from tests.unit.cli.conftest import Commands


def test_the_policy_is_named_and_what_it_means(commands: Commands) -> None:
    result = commands("unassign")
    assert result.exit_code == Exit.DONE
    assert 'The policy "p" is unassigned.' in result.output
    assert "neither protected nor blocked" in result.output
    assert json.loads(commands("unassign", "--json").output)["policy"] == "p"


def test_without_a_gateway_the_way_out_is_named(
    gatewright: Callable[..., Result], tmp_path: Path
) -> None:
    result = gatewright("unassign", "--control", str(tmp_path / "none.sock"))
    assert result.exit_code == Exit.NO_GATEWAY
    assert "unassign --offline" in result.output


def test_without_a_policy(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing() -> models.UnassignResult:
        return models.UnassignResult()

    monkeypatch.setattr(commands.service, "unassign", nothing)
    assert commands("unassign").output == "No policy was assigned.\n"


@pytest.mark.parametrize(
    ("guarded", "words"), [(True, "The guards are removed."), (False, "No guards stood")]
)
def test_offline_says_whether_guards_stood(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, guarded: bool, words: str
) -> None:
    asked: list[tuple[Path, Path]] = []

    def unassign(control: Path, directory: Path) -> bool:
        asked.append((control, directory))
        return guarded

    monkeypatch.setattr(offline, "unassign", unassign)
    result = commands("unassign", "--offline")
    assert result.exit_code == Exit.DONE
    assert words in result.output
    assert asked == [(commands.control, commands.control.with_suffix(".state"))]
    printed = json.loads(commands("unassign", "--offline", "--state-dir", "/s", "--json").output)
    assert words in printed["notices"][0]
    assert asked[-1] == (commands.control, Path("/s"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SocketInUseError(Path("/c.sock"), "7"), "/c.sock belongs to a running gateway (pid 7)."),
        (HostError("nft refused."), "nft refused."),
        (PermissionError(13, "Permission denied", "/s"), "Permission denied"),
    ],
)
def test_offline_explains_why_nothing_was_removed(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def refuse(control: Path, directory: Path) -> bool:
        del control, directory
        raise error

    monkeypatch.setattr(offline, "unassign", refuse)
    result = commands("unassign", "--offline")
    assert result.exit_code == Exit.FAILED
    assert words in result.stderr
    assert "Traceback" not in result.output
