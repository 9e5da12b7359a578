"""``make soak``: two gateways at full load while they rekey every few seconds.

Each packet of a numbered stream in each direction is accounted for beside TCP that takes all the
rest.  The exit status is 1 when one of them was lost, doubled or overtaken.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from bench.soak import gauges, load, report
from bench.soak.gauges import Reading
from bench.soak.setting import Site, Wanted, build
from gatewright.lab.errors import LabError
from gatewright.lab.numbered import Account, NumberedStream
from gatewright.lab.process import Process


def main() -> int:
    arguments = _parser().parse_args()
    wanted = Wanted(
        version=arguments.ike_version,
        udp=not arguments.protocol_50,
        peer=arguments.peer,
        child_seconds=arguments.child_seconds,
        child_kilobytes=arguments.child_kilobytes,
        ike_seconds=arguments.ike_seconds,
        offset=arguments.offset,
    )
    try:
        accounts = _soak(wanted, arguments)
    except LabError as error:
        _say(f"The soak stopped: {error}")
        return 2
    return 0 if all(account.whole for account in accounts.values()) else 1


def _soak(wanted: Wanted, arguments: argparse.Namespace) -> dict[str, Account]:
    with ExitStack() as stack:
        site = build(stack, wanted)
        _say(wanted.title)
        client = stack.enter_context(
            load.tcp(site.world, arguments.streams, arguments.bitrate, reverse=arguments.both_ways)
        )
        streams = stack.enter_context(load.numbered(site.world, arguments.rate))
        _settle(streams)
        first = gauges.read(site)
        begin = time.monotonic()
        last = _watch(site, streams, client, first, arguments)
        seconds = time.monotonic() - begin
        accounts = {way: stream.finish() for way, stream in streams.items()}
        last = gauges.read(site)
        for line in report.final(wanted.title, first, last, seconds, accounts):
            _say(line)
        if arguments.keep_logs:
            _keep(site, arguments.keep_logs)
    return accounts


def _settle(streams: dict[str, NumberedStream]) -> None:
    for way, stream in streams.items():
        if not stream.wait_received(1, timeout=10):
            raise LabError(f"nothing passes from {way}")


def _watch(
    site: Site,
    streams: dict[str, NumberedStream],
    client: Process | None,
    first: Reading,
    arguments: argparse.Namespace,
) -> Reading:
    begin = time.monotonic()
    end = begin + arguments.minutes * 60
    before, looked = first, begin
    while (now := time.monotonic()) < end:
        time.sleep(min(arguments.every, end - now))
        if client is not None and not client.running():
            raise LabError(f"iperf3 ended:\n{client.tail()}")
        reading, at = gauges.read(site), time.monotonic()
        lost = sum(stream.lost_so_far() for stream in streams.values())
        _say(report.minute(at - begin, reading, before, at - looked, lost))
        before, looked = reading, at
    return before


def _keep(site: Site, directory: str) -> None:
    """Copy every log of the world."""
    Path(directory).mkdir(parents=True, exist_ok=True)
    for log in site.world.directory.rglob("*.log"):
        name = "-".join(log.relative_to(site.world.directory).parts)
        shutil.copy(log, Path(directory) / name)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    add = parser.add_argument
    add("--minutes", type=float, default=30.0)
    add("--every", type=float, default=60.0, help="seconds between two lines")
    add("--ike-version", type=int, choices=(1, 2), default=2)
    add("--protocol-50", action="store_true", help="ESP directly over IP instead of in UDP 4500")
    add("--peer", choices=("gatewright", "strongswan"), default="gatewright")
    add("--child-seconds", type=int, default=6, help="of a child SA; rekeyed at about half")
    add("--child-kilobytes", type=int, default=0, help="and its volume; 0 for any")
    add("--ike-seconds", type=int, default=20, help="lifetime of an IKE SA")
    add("--offset", type=int, default=0, help="seconds by which the other side's lives are longer")
    add("--rate", type=int, default=500, help="numbered packets a second, in each direction")
    add("--streams", type=int, default=1, help="TCP streams; 0 for none")
    add("--bitrate", default="", help="of each TCP stream, e.g. 200M; without, as fast as it goes")
    add("--both-ways", action="store_true", help="TCP in both directions")
    add("--keep-logs", default="", metavar="DIR", help="copy the gateways' logs there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
