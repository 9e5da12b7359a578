"""Where the control socket is, unless somebody names another place."""

from __future__ import annotations

from pathlib import Path

DEFAULT_CONTROL = Path("/run/gatewright/control.sock")
