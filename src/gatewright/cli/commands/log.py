"""``gatewright log``: the audit trail."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewright.cli.options import Control, Json
from gatewright.cli.output import console, explained, print_event, print_json
from gatewright.control.paths import DEFAULT_CONTROL


def log(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with the events that happen.")
    ] = False,
    number: Annotated[
        int, typer.Option("--number", "-n", min=0, max=2000, help="How many of the newest events.")
    ] = 50,
    tunnel: Annotated[
        str | None, typer.Option("--tunnel", metavar="TUNNEL", help="Only those of this tunnel.")
    ] = None,
    control: Control = DEFAULT_CONTROL,
    as_json: Json = False,
) -> None:
    """Show what happened: SAs made and ended, negotiations failed and why, policies assigned.

    The numbers are those of the Windows security log: 541 an SA was established, 542 and 543 one
    ended, 545 authentication failed, 546 nothing in common, 547 a negotiation failed.
    """
    from gatewright.control.client import Client

    client = Client(control)
    out = console()
    try:
        with explained(as_json=as_json):
            events = client.follow(number, tunnel) if follow else client.events(number, tunnel)
            for event in events:
                if as_json:
                    print_json(event.model_dump_json())
                else:
                    print_event(out, event)
    except KeyboardInterrupt:
        raise typer.Exit from None
