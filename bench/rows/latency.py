"""The round trip that two gateways add to plain forwarding, on paths that carry nothing else.

A trip ends when the reply is at the host, by the kernel's stamp, as with ping(8).  A reply that was
only forwarded is back here before the pinger's send returns, because all hosts are one machine;
behind gateways the pinger sleeps meanwhile and has to be woken, as it would on any real network.
That is the host's own doing; how long it takes until the pinger runs again, as with ping -U, is
stated beside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from operator import attrgetter
from statistics import median

from bench.claims import Claim, Form
from bench.paths.catalogue import FORWARDING, GCM, PROTOCOL_50, STRONGSWAN, WIREGUARD_GO
from bench.paths.path import Path
from bench.result import Result, Table
from bench.setting import Setting
from bench.statistics import percentile
from gatewright.lab.errors import LabError
from gatewright.lab.traffic import Pinger

BLOCKS = 6
TIMEOUT = 1.0
MOST_LOST = 0.01
PAUSE = 0.0005  # before each ping: the gateways have gone to sleep by then
WORK = "round trip added, idle"


@dataclass(slots=True)
class Trips:
    """Microseconds of each answered ping of one path in one block: until the reply was at the host,
    and until the pinger had it."""

    times: list[float] = field(default_factory=list)
    woken: list[float] = field(default_factory=list)
    lost: int = 0


ARRIVED: Callable[[Trips], list[float]] = attrgetter("times")
WOKEN: Callable[[Trips], list[float]] = attrgetter("woken")
Blocks = Sequence[dict[str, Trips]]


def run(setting: Setting) -> Result:
    """Blocks of pings, the paths in turn ping by ping; the rivals in blocks of their own."""
    forwarding = setting.needed(FORWARDING)
    blocks = _blocks(setting, [forwarding, *setting.paths([GCM, PROTOCOL_50])])
    rivals = setting.rivals([STRONGSWAN, WIREGUARD_GO])
    return result(blocks, _blocks(setting, [forwarding, *rivals]) if rivals else ())


def _blocks(setting: Setting, paths: Sequence[Path]) -> list[dict[str, Trips]]:
    """Raises ``LabError`` when a path loses pings."""
    count = max(100, setting.amount.pings // BLOCKS)
    blocks = []
    for number in range(BLOCKS):
        setting.say(f"round trips, {paths[-1].name} and others, block {number + 1} of {BLOCKS}")
        blocks.append(setting.judge.take(lambda: ping_in_turn(paths, count)))
    for path in paths:
        lost = sum(block[path.name].lost for block in blocks)
        if lost > MOST_LOST * count * BLOCKS:
            raise LabError(f"{path.name}: {lost} of {count * BLOCKS} pings were lost")
    return blocks


def ping_in_turn(paths: Sequence[Path], count: int) -> dict[str, Trips]:
    """``count`` pings on each path."""
    trips = {path.name: Trips() for path in paths}
    with ExitStack() as stack:
        pingers = [
            (stack.enter_context(Pinger(path.world.host_a, path.world.ipv4.b.host)), path.name)
            for path in paths
        ]
        for _ in range(count):
            for pinger, name in pingers:
                time.sleep(PAUSE)
                _once(pinger, trips[name])
    return trips


def _once(pinger: Pinger, trips: Trips) -> None:
    begin = time.time_ns()
    wanted = pinger.send()
    reply = pinger.receive_reply(TIMEOUT)
    while reply is not None and reply.sequence != wanted:
        reply = pinger.receive_reply(TIMEOUT)
    if reply is None:
        trips.lost += 1
        return
    trips.woken.append((time.time_ns() - begin) / 1e3)
    trips.times.append((reply.at - begin) / 1e3)


def result(blocks: Blocks, rivals: Blocks = ()) -> Result:
    """``blocks``: trips by the name of the path, the same names in each; ``rivals``: likewise."""
    beside = _gateways(blocks, but=GCM.name)
    claims = [
        *_added(WORK, blocks, GCM.name, bounds=((150.0, 100.0), (300.0, 200.0))),
        *_added(f"{WORK}, until the pinger runs", blocks, GCM.name, until=WOKEN),
    ]
    for name in beside:
        claims += _added(f"{WORK}, {name}", blocks, name)
    for name in _gateways(rivals):
        claims += _added(f"{WORK}, {name}", rivals, name)
    rows = [*_rows(blocks, _names(blocks)), *_rows(rivals, _gateways(rivals))]
    headings = ("path", "median", "90 %", "99 %", "99.9 %")
    samples: dict[str, object] = {
        "round_trips": _samples(blocks),
        "rivals_round_trips": _samples(rivals),
    }
    return Result(claims, [Table("Round trip, µs", headings, rows)], samples)


def _names(blocks: Blocks) -> list[str]:
    return list(blocks[0]) if blocks else []


def _gateways(blocks: Blocks, but: str = "") -> list[str]:
    """The names of all paths but forwarding's and that one."""
    return [name for name in _names(blocks) if name not in (FORWARDING.name, but)]


def _rows(blocks: Blocks, names: Iterable[str]) -> list[tuple[str, ...]]:
    shares = (0.5, 0.9, 0.99, 0.999)
    return [
        (name, *(f"{median(_shares(blocks, name, each)):,.0f}" for each in shares))
        for name in names
    ]


def _samples(blocks: Blocks) -> dict[str, list[dict[str, list[float]]]]:
    return {
        name: [{"arrived": block[name].times, "woken": block[name].woken} for block in blocks]
        for name in _names(blocks)
    }


def _added(
    work: str,
    blocks: Blocks,
    name: str,
    *,
    until: Callable[[Trips], list[float]] = ARRIVED,
    bounds: Sequence[tuple[float, float]] | None = None,
) -> list[Claim]:
    """Median and 99th percentile of a path less forwarding's, block by block.

    ``bounds``: floor and aim of each.
    """
    claims = []
    for number, (share, word) in enumerate(((0.5, "median"), (0.99, "99th percentile"))):
        ours = _shares(blocks, name, share, until)
        plain = _shares(blocks, FORWARDING.name, share, until)
        added = median(a - b for a, b in zip(ours, plain, strict=True))
        floor, aim = bounds[number] if bounds else (None, None)
        claims.append(Claim(work, word, added, Form.MICROSECONDS, floor, aim, lower_is_better=True))
    return claims


def _shares(
    blocks: Blocks, name: str, share: float, until: Callable[[Trips], list[float]] = ARRIVED
) -> list[float]:
    """Of each block the trip that this share of them does not exceed."""
    return [percentile(until(block[name]), share) for block in blocks]
