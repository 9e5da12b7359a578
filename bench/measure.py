"""What is measured on a path."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from bench.machine import cpu_seconds, resident_bytes
from bench.paths import Path
from gatewright.lab.errors import LabError
from gatewright.lab.process import Process
from gatewright.lab.traffic import ping

IPERF_PORT = 5301


@dataclass(frozen=True, slots=True)
class Stream:
    """One TCP stream: rate at the receiver, processor seconds of the whole machine a gigabyte."""

    megabits_per_second: float
    cpu_seconds_per_gigabyte: float


def tcp_stream(path: Path, seconds: float, streams: int = 1) -> Stream:
    """iperf3 from hostA to hostB.  Raises ``LabError`` when it does not run."""
    world = path.world
    server = Process(
        "iperf3",
        ["iperf3", "--server", "--one-off", "--port", str(IPERF_PORT), "--forceflush"],
        namespace=world.host_b,
        log=world.directory / "iperf3.log",
    )
    try:
        _wait_listening(path)
        before = cpu_seconds()
        report = world.host_a.run(
            ["iperf3", "--client", world.ipv4.b.host, "--port", str(IPERF_PORT), "--json",
             "--time", f"{seconds:g}", "--parallel", str(streams)]
        )  # fmt: skip
        spent = cpu_seconds() - before
    finally:
        server.stop()
    received = json.loads(report)["end"]["sum_received"]
    gigabytes = received["bytes"] / 1e9
    return Stream(received["bits_per_second"] / 1e6, spent / gigabytes if gigabytes else 0.0)


def _wait_listening(path: Path) -> None:
    """The server's port shows in /proc/net/tcp6 (state 0A) when it can be connected to."""
    wanted = f":{IPERF_PORT:04X} "
    for _ in range(500):
        table = path.world.host_b.run(["cat", "/proc/net/tcp", "/proc/net/tcp6"])
        if any(wanted in line and " 0A " in line for line in table.splitlines()):
            return
        time.sleep(0.01)
    raise LabError("iperf3 does not listen; is the package iperf3 installed?")


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Seconds, over an otherwise idle path."""

    median: float
    percentile_99: float


def round_trip(path: Path, count: int) -> RoundTrip:
    times = ping(path.world.host_a, path.world.ipv4.b.host, count, timeout=1.0).times
    answered = sorted(each for each in times if each is not None)
    if len(answered) < count * 0.99:
        raise LabError(f"{path.name}: {count - len(answered)} of {count} pings were lost")
    return RoundTrip(answered[len(answered) // 2], answered[int(len(answered) * 0.99)])


def memory(path: Path) -> int:
    """Resident octets of both gateways together."""
    return sum(resident_bytes(pid) for pid in path.pids)
