"""``gatewright check``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gatewright.cli.main import app
from tests.unit.policy.samples import LONG, SHORT, short


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "office.yaml"
    path.write_text(SHORT)
    return path


def check(path: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", str(path), *options])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def test_a_good_policy(policy: Path) -> None:
    status, output = check(policy)
    assert status == 0
    assert output == f"{policy}: no complaint; the policy can be assigned\n"


def test_warnings_leave_the_status(policy: Path) -> None:
    policy.write_text(LONG)
    status, output = check(policy)
    assert status == 0
    assert f"{policy}:13: warning: " in output
    assert "  why: " in output
    assert "  instead: write aes-128-gcm" in output
    assert "2 warnings, 1 note; the policy can be assigned" in output


def test_errors_end_with_1(policy: Path) -> None:
    policy.write_text(short("starts: always"))
    status, output = check(policy)
    assert status == 4
    assert f"{policy}:7: error: `starts` is not a key of tunnel `branch office`" in output
    assert "instead: write `start`" in output
    assert "cannot be assigned" in output


def test_markup_and_brackets_of_a_policy_are_text(policy: Path) -> None:
    policy.write_text(short('"[bold]x[/bold]": 1'))
    assert "`[bold]x[/bold]`" in check(policy)[1]


def test_json(policy: Path) -> None:
    status, output = check(policy, "--json", "--local", "203.0.113.2")
    result = json.loads(output)
    assert status == 4
    assert result["errors"] == 1
    assert result["findings"][0]["code"] == "endpoints-exchanged"
    assert result["findings"][0]["line"] == 3


def test_secrets(policy: Path, tmp_path: Path) -> None:
    status, output = check(policy, "--secrets", str(tmp_path))
    assert status == 4
    assert "preshared key `branch-office`" in output
    key = tmp_path / "branch-office"
    key.write_text("the very key")
    key.chmod(0o644)
    status, output = check(policy, "--secrets", str(tmp_path))
    assert status == 4
    assert "mode 0644" in output
    key.chmod(0o600)
    status, output = check(policy, "--secrets", str(tmp_path))
    assert status == 0
    assert "very key" not in output


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    status, output = check(tmp_path / "none.yaml")
    assert status != 0
    assert "cannot be read" in output


def test_an_address_that_is_none(policy: Path) -> None:
    assert check(policy, "--local", "203.0.113")[0] == 2
