"""What is read while a soak runs: processes, and every place at which a packet can be dropped."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.soak.setting import Site
from gatewright.lab.gateway import Gateway
from gatewright.lab.namespace import Namespace

_TICKS = os.sysconf("SC_CLK_TCK")
_RX_DROPPED, _TX_DROPPED = 3, 11  # columns of /proc/net/dev
_NET = Path("/proc/thread-self/net")
_NO_DROPS = {
    *("ike_received", "ike_sent", "acquires"),
    *("child_sas_established", "ike_sas_established"),
}
_SOCKET_TABLES = ("udp", "udp6", "raw", "raw6")


@dataclass(frozen=True, slots=True)
class ProcessGauge:
    """``memory``: resident octets.  ``cpu``: seconds since it started."""

    memory: int
    descriptors: int
    threads: int
    cpu: float


@dataclass(frozen=True, slots=True)
class Reading:
    """``drops``: by place and name, those that are not zero.  ``octets``: at host B and host A."""

    processes: Mapping[str, ProcessGauge]
    drops: Mapping[str, int]
    octets: int
    rekeyed: Mapping[str, int]


def read(site: Site) -> Reading:
    return Reading(
        processes={name: _process(pid()) for name, pid in site.pids.items()},
        drops={name: count for name, count in _drops(site) if count},
        octets=_received(site.world.host_b) + _received(site.world.host_a),
        rekeyed=_rekeyed(site),
    )


def _process(pid: int) -> ProcessGauge:
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return ProcessGauge(
        memory=int(status["VmRSS"].split()[0]) * 1024,
        descriptors=sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
        threads=int(status["Threads"]),
        cpu=(int(fields[11]) + int(fields[12])) / _TICKS,
    )


def _rekeyed(site: Site) -> dict[str, int]:
    """From the first gateway's log, where each rekey is a line, whoever began it."""
    log = site.ours[0].log.read_text(errors="replace")
    ike = log.count("SA rekeyed") - log.count("Child SA rekeyed")
    return {"children": log.count("Child SA rekeyed"), "IKE SAs": ike}


# --- drops --------------------------------------------------------------------------------------


def _drops(site: Site) -> Iterator[tuple[str, int]]:
    for gateway in site.ours:
        for name, count in _named(gateway):
            yield f"{gateway.directory.name}: {name}", count
    for namespace in site.world.namespaces:
        place = namespace.name.rpartition("-")[2]
        for name, count in namespace.call(_of_namespace):
            yield f"{place}: {name}", count
    backlog = sum(
        int(line.split()[1], 16) for line in Path("/proc/net/softnet_stat").read_text().splitlines()
    )
    yield "machine: softnet backlog", backlog


def _named(gateway: Gateway) -> Iterator[tuple[str, int]]:
    """What the gateway counts itself."""
    status = gateway.status()
    if status.data_plane is not None:
        for name, count in status.data_plane.counters.items():
            if name.startswith("drop_"):
                yield name, count
    for group in (status.ike_counters, status.daemon_counters):
        for name, count in group.items():
            if name not in _NO_DROPS:
                yield name, count
    for guard in status.guards:
        yield f"guard {guard.entry} {guard.direction}", guard.packets


def _of_namespace() -> list[tuple[str, int]]:
    """What the kernel counts at interfaces and sockets."""
    found = []
    for line in (_NET / "dev").read_text().splitlines()[2:]:
        name, _, rest = line.partition(":")
        fields = rest.split()
        found.append((f"{name.strip()} rx dropped", int(fields[_RX_DROPPED])))
        found.append((f"{name.strip()} tx dropped", int(fields[_TX_DROPPED])))
    for table in _SOCKET_TABLES:
        for line in (_NET / table).read_text().splitlines()[1:]:
            fields = line.split()
            port = int(fields[1].rpartition(":")[2], 16)
            found.append((f"{table} {port} socket buffer", int(fields[-1])))
    return found


def _received(host: Namespace) -> int:
    """Octets that a host's interface has received."""

    def look() -> int:
        for line in (_NET / "dev").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name.strip() == "eth0":
                return int(rest.split()[0])
        return 0

    return host.call(look)
