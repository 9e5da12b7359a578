"""``gatewright down``: delete a tunnel's SAs."""

from __future__ import annotations

from gatewright.cli.options import Control, Json, Tunnel, Wait
from gatewright.cli.output import explained
from gatewright.cli.progress import show
from gatewright.control.paths import DEFAULT_CONTROL


def down(
    tunnel: Tunnel,
    control: Control = DEFAULT_CONTROL,
    wait: Wait = 10.0,
    as_json: Json = False,
) -> None:
    """Take a tunnel down. Its policy stays: traffic brings it up again."""
    from gatewright.control.client import Client

    with explained(as_json=as_json):
        show(Client(control).down(tunnel, wait), as_json=as_json)
