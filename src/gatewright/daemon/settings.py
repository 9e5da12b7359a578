"""How one daemon is run: where its socket and its files are, what its device is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gatewright.control.paths import DEFAULT_CONTROL
from gatewright.daemon.secrets import DEFAULT_DIRECTORY as DEFAULT_SECRETS
from gatewright.dataplane.interface import DirectEsp
from gatewright.host.names import HostNames

DEFAULT_STATE = Path("/var/lib/gatewright")


def state_directory(control: Path, given: Path | None = None) -> Path:
    """Where a gateway with this control socket keeps its state.

    ``/var/lib/gatewright`` for the default socket; for another one a directory beside it, so that
    several gateways on one machine do not share one (``/run/a.sock`` keeps it in ``/run/a.state``).
    """
    if given is not None:
        return given
    return DEFAULT_STATE if control == DEFAULT_CONTROL else control.with_suffix(".state")


@dataclass(frozen=True, slots=True)
class Settings:
    """``forwarding`` switches IP forwarding on where the policy needs it.

    ``workers``: packet threads of the user-space engine, None for as many as the machine suits;
    ``busy_poll_us``: microseconds that each looks for more before it sleeps.
    ``mss_clamp``: TCP connections begin with segments that fit the tunnel.
    ``without``: fast paths of the engine that are not to be used, by name.
    ``export_keys``: directory for files with which a protocol analyser reads the traffic.
    """

    control: Path
    state: Path
    names: HostNames
    secrets: Path = DEFAULT_SECRETS
    forwarding: bool = False
    workers: int | None = None
    busy_poll_us: int = 0
    export_keys: Path | None = None
    without: tuple[str, ...] = ()
    mss_clamp: bool = True
    direct_esp: DirectEsp = DirectEsp.AUTO
