"""The command line: every command, registered here, each in a file of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewright import __version__
from gatewright.cli.commands.assign import assign
from gatewright.cli.commands.check import check
from gatewright.cli.commands.demo import demo
from gatewright.cli.commands.down import down
from gatewright.cli.commands.log import log
from gatewright.cli.commands.run import run
from gatewright.cli.commands.show import show
from gatewright.cli.commands.status import status
from gatewright.cli.commands.unassign import unassign
from gatewright.cli.commands.up import up
from gatewright.cli.exits import SUMMARY

app = typer.Typer(
    name="gatewright",
    help="A policy-based IPsec gateway for Linux.",
    epilog=SUMMARY,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_show_locals=False,  # keys never reach a traceback
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (demo, check, show, run, assign, unassign, status, up, down, log):
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gatewright {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options that stand before the command."""
    del version


def main() -> None:
    app()
