"""Options that several commands have, each declared once."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer

from gatewright.ipsec.selectors import IPAddress

Control = Annotated[
    Path,
    typer.Option(
        "--control", metavar="SOCKET", envvar="GATEWRIGHT_CONTROL", help="The gateway's socket."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
StateDirectory = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        metavar="DIR",
        help="Where the gateway keeps the assigned policy and the audit trail. "
        "[default: /var/lib/gatewright, or SOCKET with the ending .state]",
        show_default=False,
    ),
]
LocalAddresses = Annotated[
    list[str] | None,
    typer.Option(
        "--local",
        metavar="ADDRESS",
        help="An address of the gateway; repeat for more. Without: this machine's addresses, if "
        "one is an endpoint in the policy.",
    ),
]
Resolve = Annotated[bool, typer.Option("--resolve", help="Look up DNS names of the policy.")]
PolicyPath = Annotated[Path, typer.Argument(metavar="POLICY", help="The policy file.")]
Tunnel = Annotated[str, typer.Argument(metavar="TUNNEL", help="The tunnel's name in the policy.")]
Wait = Annotated[
    float,
    typer.Option("--wait", metavar="SECONDS", min=0, max=600, help="How long to wait for the end."),
]


def addresses(texts: list[str] | None) -> tuple[IPAddress, ...]:
    """The values of ``LocalAddresses``; ends the command when one is no address."""
    try:
        return tuple(ip_address(text) for text in texts or ())
    except ValueError as error:
        raise typer.BadParameter(f"{error}", param_hint="--local") from None
