"""What was changed on the machine, in a file, so that removal undoes exactly that.

Rules and routes carry our protocol number and the guards stand in our own table: these are found
without the file.  The file names the TUN device and holds the former values of kernel settings.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from gatewright.host.names import HostNames

_VERSION = 1


@dataclass(slots=True)
class HostState:
    """``settings``: former value by name of each kernel setting that was changed."""

    tun: str = HostNames().tun
    settings: dict[str, str] = field(default_factory=dict)


def load(path: Path) -> HostState | None:
    """None when there is no file, or none that can be read as ours."""
    try:
        stored = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(stored, dict) or stored.get("version") != _VERSION:
        return None
    return HostState(
        tun=str(stored.get("tun", HostNames().tun)),
        settings={str(k): str(v) for k, v in dict(stored.get("settings", {})).items()},
    )


def save(path: Path, state: HostState) -> None:
    """Replace the file in one step, so that a crash leaves the old or the new one."""
    content = {"version": _VERSION, "tun": state.tun, "settings": state.settings}
    temporary = path.with_suffix(".new")
    temporary.touch(mode=0o600)
    with temporary.open("w") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
