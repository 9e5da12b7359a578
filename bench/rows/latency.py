"""The round trip that two gateways add to plain forwarding, on paths that carry nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from bench.claims import Claim, Form
from bench.paths.catalogue import FORWARDING, GCM, PROTOCOL_50
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
    """Seconds of each answered ping of one path in one block."""

    times: list[float] = field(default_factory=list)
    lost: int = 0


def run(setting: Setting) -> Result:
    """Blocks of pings, the paths in turn ping by ping."""
    paths = [setting.needed(FORWARDING), *setting.paths([GCM, PROTOCOL_50])]
    count = max(100, setting.amount.pings // BLOCKS)
    blocks = []
    for number in range(BLOCKS):
        setting.say(f"round trips, block {number + 1} of {BLOCKS}")
        blocks.append(setting.judge.take(lambda: ping_in_turn(paths, count)))
    for path in paths:
        lost = sum(block[path.name].lost for block in blocks)
        if lost > MOST_LOST * count * BLOCKS:
            raise LabError(f"{path.name}: {lost} of {count * BLOCKS} pings were lost")
    return _result([path.name for path in paths], blocks)


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
    begin = time.perf_counter()
    wanted = pinger.send()
    answer = pinger.receive(TIMEOUT)
    while answer is not None and answer != wanted:
        answer = pinger.receive(TIMEOUT)
    if answer is None:
        trips.lost += 1
    else:
        trips.times.append(time.perf_counter() - begin)


def _result(names: Sequence[str], blocks: Sequence[dict[str, Trips]]) -> Result:
    def microseconds(name: str, share: float) -> list[float]:
        return [percentile(block[name].times, share) * 1e6 for block in blocks]

    targets = ((0.5, "median", 150.0, 100.0), (0.99, "99th percentile", 300.0, 200.0))
    claims = []
    for name in names[1:]:
        for share, word, floor, aim in targets:
            pairs = zip(microseconds(name, share), microseconds(names[0], share), strict=True)
            added = median(ours - plain for ours, plain in pairs)
            claim = Claim(WORK, word, added, Form.MICROSECONDS, floor, aim, lower_is_better=True)
            if name != GCM.name:  # stated beside it
                claim = Claim(f"{WORK}, protocol 50", word, added, Form.MICROSECONDS)
            claims.append(claim)
    rows = [
        (name, *(f"{median(microseconds(name, share)):,.0f}" for share in (0.5, 0.9, 0.99, 0.999)))
        for name in names
    ]
    headings = ("path", "median", "90 %", "99 %", "99.9 %")
    samples = {name: [block[name].times for block in blocks] for name in names}
    return Result(claims, [Table("Round trip, µs", headings, rows)], {"round_trips": samples})
