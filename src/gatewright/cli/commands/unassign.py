"""``gatewright unassign``: take the policy out of force."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gatewright.cli.exits import Exit
from gatewright.cli.options import Control, Json, StateDirectory
from gatewright.cli.output import console, explained, fail, print_json
from gatewright.control.paths import DEFAULT_CONTROL


def unassign(
    control: Control = DEFAULT_CONTROL,
    state_dir: StateDirectory = None,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help="No gateway runs: remove the guards, rules, routes and TUN device that it left.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Take the assigned policy back: delete its SAs, remove its guards, routes and TUN device.

    From then on nothing is protected, and nothing is blocked.
    """
    if offline:
        _offline(control, state_dir, as_json=as_json)
        return

    from gatewright.control.client import Client

    try:
        with explained(as_json=as_json):
            result = Client(control).unassign()
    except typer.Exit as end:
        if end.exit_code == Exit.NO_GATEWAY and not as_json:
            text = "  What a gateway left that runs no more: 'gatewright unassign --offline'."
            console(stderr=True).print(text, soft_wrap=True)
        raise
    if as_json:
        print_json(result.model_dump_json(indent=2))
    elif result.policy is None:
        console().print("No policy was assigned.")
    else:
        console().print(
            f'The policy "{result.policy}" is unassigned. What it protected is neither protected '
            "nor blocked now.",
            markup=False,
            soft_wrap=True,
        )


def _offline(control: Path, state_dir: Path | None, *, as_json: bool) -> None:
    from gatewright.control.listener import SocketInUseError
    from gatewright.control.models import Problem, UnassignResult
    from gatewright.daemon import offline
    from gatewright.daemon.settings import state_directory
    from gatewright.dataplane.interface import DataPlaneError
    from gatewright.host.names import HostError

    try:
        guarded = offline.unassign(control, state_directory(control, state_dir))
    except SocketInUseError as error:
        problem = Problem(
            code="running",
            what="A gateway runs, and was left alone.",
            why=f"{error}.",
            advice="Use 'gatewright unassign' without --offline.",
        )
        fail(problem, Exit.FAILED, as_json=as_json)
    except (DataPlaneError, HostError, OSError) as error:
        problem = Problem(
            code="not-removed",
            what="What the gateway left on this machine could not be removed.",
            why=str(error),
            advice="Run as root, in the gateway's network namespace.",
        )
        fail(problem, Exit.FAILED, as_json=as_json)
    text = "The guards are removed." if guarded else "No guards stood; nothing is left."
    if as_json:
        print_json(UnassignResult(notices=[text]).model_dump_json(indent=2))
    else:
        console().print(text)
