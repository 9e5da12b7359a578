from __future__ import annotations

import json

import pytest
import typer

from gatewright.cli.exits import Exit
from gatewright.cli.progress import show
from gatewright.control.models import Difference, Failure, Progress, TunnelResult
from tests.unit.control.doubles import NOW, event


def ended(result: str, failure: Failure | None = None) -> Progress:
    fields = {"tunnel": "t", "result": result, "text": "[b]So[/b] it is.", "failure": failure}
    return Progress(result=TunnelResult.model_validate(fields | {"seconds": 1.25}))


def status(*lines: Progress, as_json: bool = False) -> int:
    try:
        show(lines, as_json=as_json)
    except typer.Exit as end:
        return end.exit_code
    return 0


@pytest.mark.parametrize(
    ("result", "expected"),
    [("up", Exit.DONE), ("down", Exit.DONE), ("failed", Exit.FAILED), ("pending", Exit.FAILED)],
)
def test_the_result_is_the_exit_status(
    capsys: pytest.CaptureFixture[str], result: str, expected: Exit
) -> None:
    assert status(ended(result)) == expected
    assert capsys.readouterr().out == f"{result} after 1.2 s: [b]So[/b] it is.\n"
    assert status(ended(result), as_json=True) == expected


def test_events_come_before_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    status(Progress(event=event(1, text="First.")), Progress(event=event(2)), ended("up"))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "First." in lines[0]


def test_a_failure_shows_what_each_side_wants(capsys: pytest.CaptureFixture[str]) -> None:
    difference = Difference(item="group", ours="x25519", theirs="modp-1024")
    failure = Failure(time=NOW, mode="IKE SA", fault="x", explanation="e", differences=[difference])
    status(ended("failed", failure))
    assert "  group: this side wants x25519, the peer modp-1024\n" in capsys.readouterr().out


def test_json_is_the_result_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    status(Progress(event=event(1)), ended("up"), as_json=True)
    assert json.loads(capsys.readouterr().out)["seconds"] == 1.25


@pytest.mark.parametrize("as_json", [False, True])
def test_an_answer_without_a_result_means_that_the_gateway_went(
    capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    assert status(Progress(event=event(1)), as_json=as_json) == Exit.NO_GATEWAY
    said = capsys.readouterr()
    assert "stopped before there was a result" in (said.out if as_json else said.err)
