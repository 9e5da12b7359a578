"""Full load, and beside it two numbered streams."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from gatewright.lab.errors import LabError
from gatewright.lab.numbered import NUMBERED_PORT, NumberedStream
from gatewright.lab.process import Process
from gatewright.lab.world import World

IPERF_PORT = 5301
_LISTEN_TRIES = 500


@contextmanager
def tcp(world: World, streams: int, rate: str, *, reverse: bool) -> Iterator[Process | None]:
    """iperf3 from hostA to hostB (``reverse``: both ways) until the end; None without streams."""
    if not streams:
        yield None
        return
    log = world.directory / "iperf3.log"
    port = ["--port", str(IPERF_PORT)]
    server = Process(
        "iperf3 server", ["iperf3", "--server", *port], namespace=world.host_b, log=log
    )
    try:
        _wait_listening(world)
        options = ["--time", "0", "--parallel", str(streams), "--interval", "0"]
        options += ["--bitrate", rate] if rate else []
        options += ["--bidir"] if reverse else []
        client = Process(
            "iperf3",
            ["iperf3", "--client", world.ipv4.b.host, *port, *options],
            namespace=world.host_a,
            log=log,
        )
        try:
            yield client
        finally:
            client.stop()
    finally:
        server.stop()


@contextmanager
def numbered(world: World, rate: int) -> Iterator[dict[str, NumberedStream]]:
    """A stream each way."""
    ends = world.ipv4
    there = NumberedStream(world.host_a, world.host_b, ends.b.host, rate)
    back = NumberedStream(world.host_b, world.host_a, ends.a.host, rate, NUMBERED_PORT + 1)
    with there, back:
        yield {"A to B": there, "B to A": back}


def _wait_listening(world: World) -> None:
    wanted = f":{IPERF_PORT:04X} "
    for _ in range(_LISTEN_TRIES):
        table = world.host_b.run(["cat", "/proc/net/tcp", "/proc/net/tcp6"])
        if any(wanted in line and " 0A " in line for line in table.splitlines()):
            return
        time.sleep(0.01)
    raise LabError("iperf3 does not listen; is the package iperf3 installed?")
