"""``gatewright up``: negotiate a tunnel now."""

from __future__ import annotations

from gatewright.cli.options import Control, Json, Tunnel, Wait
from gatewright.cli.output import explained
from gatewright.cli.progress import show
from gatewright.control.paths import DEFAULT_CONTROL


def up(
    tunnel: Tunnel,
    control: Control = DEFAULT_CONTROL,
    wait: Wait = 40.0,
    as_json: Json = False,
) -> None:
    """Bring a tunnel up now, and say why when it does not come up."""
    from gatewright.control.client import Client

    with explained(as_json=as_json):
        show(Client(control).up(tunnel, wait), as_json=as_json)
