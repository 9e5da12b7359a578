"""``make bench``: measure all paths in turn, several times, and print the table."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack

from rich.console import Console

from bench.machine import describe
from bench.measure import memory, round_trip, tcp_stream
from bench.paths import (
    Builder,
    forwarding,
    forwarding_packet_by_packet,
    gatewright,
    strongswan,
)
from bench.report import Row, as_json, print_table
from gatewright.lab.errors import LabError
from gatewright.lab.strongswan import StrongSwan

PLAIN_WIDTH = 150  # of the table in a file or a pipe
BASELINE, RIVAL = "forwarding", "strongSwan libipsec"
PATHS: dict[str, Builder] = {
    BASELINE: forwarding,
    "forwarding, no offload": forwarding_packet_by_packet,
    RIVAL: strongswan,
    "Gatewright, UDP, AES-128-GCM": gatewright("aes-128-gcm", udp=True),
    "Gatewright, UDP, AES-256-GCM": gatewright("aes-256-gcm", udp=True),
    "Gatewright, UDP, ChaCha20": gatewright("chacha20-poly1305", udp=True),
    "Gatewright, protocol 50, AES-128-GCM": gatewright("aes-128-gcm", udp=False),
}


def main() -> int:
    arguments = _parser().parse_args()
    console = Console(stderr=arguments.json)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    builders = {
        name: build
        for name, build in PATHS.items()
        if not arguments.only or any(part in name for part in arguments.only)
    }
    if RIVAL in builders and (missing := StrongSwan.missing()) is not None:
        console.print(f"Without {RIVAL}: {missing}.")
        del builders[RIVAL]
    try:
        rows = _measure(builders, arguments, console)
    except LabError as error:
        console.print(f"The measurement stopped: {error}", style="red")
        return 1
    if arguments.json:
        sys.stdout.write(as_json(rows, describe()) + "\n")
    print_table(console, rows, BASELINE, RIVAL, describe())
    return 0


def _measure(
    builders: dict[str, Builder], arguments: argparse.Namespace, console: Console
) -> list[Row]:
    with ExitStack() as stack, console.status("building the worlds") as status:
        paths = [build(stack, name) for name, build in builders.items()]
        rows = [Row(path.name, first_reply=path.first_reply) for path in paths]
        for repetition in range(1, arguments.repeat + 1):
            for path, row in zip(paths, rows, strict=True):
                status.update(f"repetition {repetition} of {arguments.repeat}: {path.name}")
                trip = round_trip(path, arguments.pings)
                row.round_trips.append(trip.median)
                row.tails.append(trip.percentile_99)
                stream = tcp_stream(path, arguments.seconds)
                row.rates.append(stream.megabits_per_second)
                row.cpu.append(stream.cpu_seconds_per_gigabyte)
                row.memory = max(row.memory, memory(path))
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="interleaved repetitions")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one TCP stream")
    parser.add_argument("--pings", type=int, default=300, help="round trips in a repetition")
    parser.add_argument("--only", nargs="*", help="paths whose name has one of these in it")
    parser.add_argument("--json", action="store_true", help="samples as JSON on standard output")
    return parser


if __name__ == "__main__":
    sys.exit(main())
