"""Shows how ``up`` and ``down`` get on, and ends with their result."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING

import typer

from gatewright.cli.exits import Exit
from gatewright.cli.output import console, fail, print_event, print_json

if TYPE_CHECKING:
    from gatewright.control.models import Progress, TunnelResult

_MARKS = {"up": "[green]up[/]", "down": "[green]down[/]", "pending": "[yellow]pending[/]"}


def show(lines: Iterable[Progress], *, as_json: bool) -> None:
    """Events as they come, then the result; a failure ends with exit status 1."""
    out = console()
    result: TunnelResult | None = None
    with out.status("working") if out.is_terminal and not as_json else nullcontext():
        for line in lines:
            if line.event is not None and not as_json:
                print_event(out, line.event)
            result = line.result or result
    if result is None:
        _interrupted(as_json=as_json)
        return
    if as_json:
        print_json(result.model_dump_json(indent=2))
    else:
        _explain(result)
    if result.result not in ("up", "down"):
        raise typer.Exit(Exit.FAILED)


def _explain(result: TunnelResult) -> None:
    out = console()
    mark = _MARKS.get(result.result, "[bold red]failed[/]")
    out.print(f"{mark} after {result.seconds:.1f} s: ", end="")
    out.print(result.text, markup=False, soft_wrap=True)
    if result.failure is None:
        return
    for each in result.failure.differences:
        line = f"  {each.item}: this side wants {each.ours}, the peer {each.theirs}"
        out.print(line, markup=False, soft_wrap=True)


def _interrupted(*, as_json: bool) -> None:
    from gatewright.control.models import Problem

    problem = Problem(
        code="interrupted",
        what="The gateway stopped before there was a result.",
        advice="See 'gatewright log'.",
    )
    fail(problem, Exit.NO_GATEWAY, as_json=as_json)
