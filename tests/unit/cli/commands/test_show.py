"""``gatewright show``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gatewright.cli.main import app
from tests.unit.policy.samples import SHORT, compiled, short, tunnel, without_places


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "office.yaml"
    path.write_text(SHORT + tunnel("b", "192.168.10.0/24", "10.0.0.0/8", peer="203.0.113.9"))
    return path


def show(path: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["show", str(path), *options])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def test_the_tunnels(policy: Path) -> None:
    status, output = show(policy)
    assert status == 0
    for part in (
        "203.0.113.1 to 203.0.113.2",
        "preshared key branch-office",
        "IKEv2: aes-128-gcm / prf-hmac-sha256 / x25519 (or 35 more); 8 hours",
        "192.168.10.0/24 to 10.20.0.0/24",
        "1 hour; on-demand",
    ):
        assert part in output


def test_the_long_form_loads_again_as_the_same_policy(policy: Path) -> None:
    status, output = show(policy, "--expanded")
    assert status == 0
    assert without_places(compiled(output)) == without_places(compiled(policy.read_text()))


def test_the_database_in_its_order(policy: Path) -> None:
    status, output = show(policy, "--spd")
    assert status == 0
    lines = output.splitlines()
    assert lines[1].split()[:4] == ["1", "protect", "192.168.10.0/24", "10.20.0.0/24"]
    assert lines[2].split()[:4] == ["2", "protect", "192.168.10.0/24", "10.0.0.0/8"]


def test_json(policy: Path) -> None:
    status, output = show(policy, "--json")
    assert status == 0
    result = json.loads(output)
    assert [one["name"] for one in result["connections"]] == ["branch office", "b"]
    assert result["spd"][0]["id"] == result["connections"][0]["children"][0]["policy_id"]


@pytest.mark.parametrize("option", [[], ["--expanded"], ["--spd"], ["--json"]])
def test_a_policy_with_errors(policy: Path, option: list[str]) -> None:
    policy.write_text(short("starts: always"))
    status, output = show(policy, *option)
    assert status == 4
    assert "is not a key of tunnel" in output


def test_the_long_form_for_programs(policy: Path) -> None:
    status, printed = show(policy, "--expanded", "--json")
    assert status == 0
    answer = json.loads(printed)
    assert answer["expanded"] == show(policy, "--expanded")[1]
    assert show(policy, "--expanded", "--spd")[0] == 2
