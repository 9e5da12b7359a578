from __future__ import annotations

import json

from tests.unit.cli.conftest import Commands
from tests.unit.control.doubles import event


def test_the_newest_events_one_a_line(commands: Commands) -> None:
    commands.service.record = [event(n, text=f"text {n}") for n in range(5)]
    lines = commands("log", "-n", "2").output.splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == ["text 3", "text 4"]


def test_one_tunnel(commands: Commands) -> None:
    assert len(commands("log", "--tunnel", "other").output.splitlines()) == 1


def test_json_is_one_object_a_line(commands: Commands) -> None:
    lines = commands("log", "--json").output.splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == [1, 2]


def test_following_goes_on_until_the_gateway_stops(commands: Commands) -> None:
    def happen() -> None:
        commands.service.news.put_nowait(event(3, text="news"))
        commands.service.news.put_nowait(None)

    commands.call(happen)
    lines = commands("log", "-f", "-n", "1").output.splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == ["text", "news"]
