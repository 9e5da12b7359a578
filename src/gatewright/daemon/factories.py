"""Makes the parts that are heavy to load, or only sometimes wanted."""

from __future__ import annotations

from pathlib import Path

from gatewright.audit.keylog import KeyLog
from gatewright.daemon.executor import KeyExport
from gatewright.dataplane.engine import EngineDataPlane
from gatewright.dataplane.interface import DataPlane
from gatewright.host.names import HostNames


def engine(names: HostNames) -> DataPlane:
    """The user-space packet engine, not yet open."""
    return EngineDataPlane(names.tun, mark=names.mark)


def key_export(directory: Path | None) -> KeyExport | None:
    """Where keys go for a protocol analyser; None when nobody asked for them."""
    return None if directory is None else KeyLog(directory)
