from __future__ import annotations

import json

from gatewright.cli.exits import Exit
from tests.unit.cli.conftest import Commands


def test_down_ends_with_the_result(commands: Commands) -> None:
    result = commands("down", "branch", "--wait", "3")
    assert result.exit_code == Exit.DONE
    assert 'down after 0.0 s: Tunnel "branch" is down.' in result.output
    assert commands.service.waits == [3]


def test_a_peer_gets_ten_seconds_to_answer(commands: Commands) -> None:
    commands("down", "branch")
    assert commands.service.waits == [10]


def test_json_is_the_result_alone(commands: Commands) -> None:
    assert json.loads(commands("down", "branch", "--json").output)["result"] == "down"
