from __future__ import annotations

import io

import pytest
from rich.console import Console

from gatewright.cli.output import console, print_event, print_finding
from gatewright.control.models import Event, Finding
from tests.unit.control.doubles import NOW, event


def printed(shown: Event) -> str:
    out = Console(file=io.StringIO(), width=200)
    print_event(out, shown)
    text = out.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def test_an_event_is_one_line_with_number_tunnel_and_count() -> None:
    line = printed(event(1, text="It failed.").model_copy(update={"count": 7}))
    assert line.count("\n") == 1
    assert "541 branch: It failed. (7 times)" in line


def test_text_of_others_reaches_the_terminal_as_text() -> None:
    line = printed(event(1, tunnel="[red]", text="\x1b[2J[bold]x[/bold]"))
    assert "\x1b" not in line
    assert "[red]: " in line
    assert "[bold]x[/bold]" in line


def test_a_finding_says_where_what_why_and_what_instead() -> None:
    out = Console(file=io.StringIO(), width=40)
    finding = Finding(
        code="c", severity="error", file="/etc/p.yaml", line=3, what="w" * 60, why="y", instead="i"
    )
    print_finding(out, finding)
    text = out.file.getvalue()  # type: ignore[attr-defined]
    assert text == f"/etc/p.yaml:3: error: {'w' * 60}\n  why: y\n  instead: i\n"


def test_a_pipe_gets_no_colours_and_long_lines(capsys: pytest.CaptureFixture[str]) -> None:
    out = console()
    out.print("[red]x[/] " + "y" * 150)
    assert capsys.readouterr().out == "x " + "y" * 150 + "\n"
    assert NOW.tzinfo is not None
