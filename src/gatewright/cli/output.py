"""How commands speak: tables and colours on a terminal, plain text in a pipe, JSON on request."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer

from gatewright.cli.exits import Exit

if TYPE_CHECKING:
    from rich.console import Console

    from gatewright.control.models import Event, Finding, Problem

_PIPE_WIDTH = 200
_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan", "information": ""}


def console(*, stderr: bool = False) -> Console:
    """Colours as the terminal and NO_COLOR allow; lines are not cut in a pipe."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False)


def print_json(text: str) -> None:
    typer.echo(text)


def fail(problem: Problem, status: Exit, *, as_json: bool) -> NoReturn:
    """Say what, why and what to do; end with this status."""
    if as_json:
        typer.echo(json.dumps({"error": problem.model_dump(mode="json")}, indent=2))
    else:
        out = console(stderr=True)
        out.print(f"[bold red]error:[/] {_escaped(problem.what)}", soft_wrap=True)
        for line in (problem.why, problem.advice):
            if line:
                out.print(f"  {_escaped(line)}", soft_wrap=True)
        for finding in problem.findings:
            print_finding(out, finding)
    raise typer.Exit(status)


def print_finding(out: Console, finding: Finding) -> None:
    """``file:line: severity: what``, then why and what to write instead."""
    colour = _COLOURS.get(finding.severity, "")
    where = f"{finding.file}:{finding.line}: " if finding.file else ""
    label = f"[{colour}]{finding.severity}:[/]" if colour else f"{finding.severity}:"
    out.print(f"{_escaped(where)}{label} {_escaped(finding.what)}", soft_wrap=True)
    if finding.why:
        out.print(f"  why: {_escaped(finding.why)}", soft_wrap=True)
    if finding.instead:
        out.print(f"  instead: {_escaped(finding.instead)}", soft_wrap=True)


def print_event(out: Console, event: Event) -> None:
    """One line: time, event number, tunnel, text, and how often."""
    from datetime import UTC, datetime

    from gatewright.cli.words import clock

    colour = _COLOURS.get(event.severity, "")
    number = str(event.number) if event.number else "   "
    tunnel = f"{_escaped(event.tunnel)}: " if event.tunnel else ""
    text = f"[{colour}]{_escaped(event.text)}[/]" if colour else _escaped(event.text)
    times = f" [dim]({event.count} times)[/]" if event.count > 1 else ""
    when = clock(event.last, datetime.now(UTC))
    out.print(f"[dim]{when} {number}[/] {tunnel}{text}{times}", soft_wrap=True)


@contextmanager
def explained(*, as_json: bool) -> Iterator[None]:
    """Turn what the control client raises into a message and an exit status."""
    from gatewright.control.client import RefusedError, UnreachableError

    try:
        yield
    except UnreachableError as error:
        fail(error.problem, Exit.NO_GATEWAY, as_json=as_json)
    except RefusedError as error:
        fail(error.problem, refused_status(error.problem), as_json=as_json)


def refused_status(problem: Problem) -> Exit:
    return Exit.POLICY if problem.findings else Exit.FAILED


def _escaped(text: str) -> str:
    """Text of others shown as it is: no markup, no control characters for the terminal."""
    from rich.markup import escape

    return escape(
        "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    )
