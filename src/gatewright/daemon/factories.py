"""Makes the parts that are heavy to load, or only sometimes wanted."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from gatewright.audit.keylog import KeyLog
from gatewright.daemon.executor import KeyExport
from gatewright.dataplane.engine import EngineDataPlane
from gatewright.dataplane.interface import DataPlane, DirectEsp
from gatewright.dataplane.kernel.leftovers import remove_leftovers
from gatewright.dataplane.kernel.plane import KernelDataPlane
from gatewright.host.names import HostNames
from gatewright.policy.compiled import Engine


def data_plane(
    names: HostNames,
    engine: Engine,
    *,
    without: Collection[str] = (),
    mss_clamp: bool = True,
    workers: int | None = None,
    busy_poll_us: int = 0,
    direct_esp: DirectEsp = DirectEsp.AUTO,
) -> DataPlane:
    """An engine, not yet open.  Raises DataPlaneError: there is none of that kind here.

    The user-space one without these fast paths, clamping the MSS or not, with so many packet
    threads (``EngineDataPlane`` tells more of them).
    """
    if engine is Engine.KERNEL:
        return KernelDataPlane(names.tun, mark=names.mark)
    return EngineDataPlane(
        names.tun,
        mark=names.mark,
        without=without,
        mss_clamp=mss_clamp,
        workers=workers,
        busy_poll_us=busy_poll_us,
        clear_others=remove_leftovers,
        direct_esp=direct_esp,
        own_table=names.nft_table,
    )


def key_export(directory: Path | None) -> KeyExport | None:
    """Where keys go for a protocol analyser; None when nobody asked for them."""
    return None if directory is None else KeyLog(directory)
