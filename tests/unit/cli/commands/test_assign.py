from __future__ import annotations

import json
from pathlib import Path

from gatewright.cli.exits import Exit
from tests.unit.cli.conftest import Commands
from tests.unit.control.doubles import refusal


def test_assign_sends_the_file_and_tells_the_changes(commands: Commands, tmp_path: Path) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text("tunnels: {}\n")
    result = commands("assign", str(policy))
    assert result.exit_code == Exit.DONE
    assert 'The policy "p" is assigned.\n  Tunnel "branch" was added.' in result.output
    assert commands.service.assigned[0].filename == str(policy)


def test_errors_of_the_policy_are_shown_with_their_line(commands: Commands, tmp_path: Path) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text("")
    commands.service.refuse = refusal()
    result = commands("assign", str(policy))
    assert result.exit_code == Exit.POLICY
    assert "was not put in force" in result.stderr
    assert "p.yaml:3: error: w" in result.stderr
    printed = json.loads(commands("assign", str(policy), "--json").output)
    assert printed["error"]["findings"][0]["line"] == 3


def test_a_file_that_cannot_be_read(commands: Commands, tmp_path: Path) -> None:
    missing = commands("assign", str(tmp_path / "none.yaml"))
    assert missing.exit_code == Exit.POLICY
    assert "cannot be read" in missing.stderr
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"abc\xff")
    assert "not UTF-8 text (octet 3)" in commands("assign", str(binary)).stderr
