from __future__ import annotations

import json

from gatewright.cli.exits import Exit
from gatewright.control import models
from tests.unit.cli.conftest import Commands
from tests.unit.control.doubles import NOW, event

NAME = "branch/office ä"


def ended(result: str, failure: models.Failure | None = None) -> models.Progress:
    return models.Progress(
        result=models.TunnelResult.model_validate(
            {"tunnel": NAME, "result": result, "text": "So it is.", "failure": failure}
        )
    )


def test_progress_and_success(commands: Commands) -> None:
    commands.service.progress = [models.Progress(event=event(1, text="An SA.")), ended("up")]
    result = commands("up", NAME, "--wait", "3")
    assert result.exit_code == Exit.DONE
    assert result.output.index("An SA.") < result.output.index("up after 0.0 s: So it is.")
    assert commands.service.waits == [3]


def test_a_failure_is_explained_and_is_the_exit_status(commands: Commands) -> None:
    failure = models.Failure(
        time=NOW,
        mode="IKE SA",
        fault="x",
        explanation="So it is.",
        differences=[models.Difference(item="group", ours="x25519", theirs="modp-1024")],
    )
    commands.service.progress = [ended("failed", failure)]
    result = commands("up", NAME)
    assert result.exit_code == Exit.FAILED
    assert "failed after 0.0 s: So it is." in result.output
    assert "group: this side wants x25519, the peer modp-1024" in result.output


def test_still_under_way_is_no_success(commands: Commands) -> None:
    commands.service.progress = [ended("pending")]
    assert commands("up", NAME).exit_code == Exit.FAILED


def test_json_is_the_result_alone(commands: Commands) -> None:
    commands.service.progress = [models.Progress(event=event(1)), ended("up")]
    assert json.loads(commands("up", NAME, "--json").output)["result"] == "up"


def test_a_gateway_that_stops_meanwhile_is_said(commands: Commands) -> None:
    commands.service.progress = [models.Progress(event=event(1))]
    result = commands("up", NAME)
    assert result.exit_code == Exit.NO_GATEWAY
    assert "stopped before there was a result" in result.stderr


def test_an_unknown_tunnel(commands: Commands) -> None:
    result = commands("up", "nowhere")
    assert result.exit_code == Exit.FAILED
    assert 'There is no tunnel "nowhere".' in result.stderr
