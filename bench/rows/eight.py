"""Eight TCP streams over four tunnels, against one stream over one of them."""

from __future__ import annotations

from dataclasses import asdict
from statistics import median

from bench.claims import Claim
from bench.paths.catalogue import FORWARDING, FOUR_TUNNELS
from bench.paths.path import Path
from bench.result import Result, Table
from bench.series import Stream, stream
from bench.setting import Setting
from bench.statistics import between

STREAMS, TUNNELS = 8, 4


def run(setting: Setting) -> Result:
    """One, eight, one, eight, ...: each eight against the one before and after it."""
    ours, forwarding = setting.needed(FOUR_TUNNELS), setting.needed(FORWARDING)
    ones: list[Stream] = []
    eights: list[Stream] = []
    ratios: list[float] = []
    plain: list[float] = []
    total = setting.amount.repetitions
    for repetition in setting.repetitions(total):
        setting.say(f"eight streams, repetition {repetition + 1} of {total}")
        one, eight, again = (
            _take(setting, ours, streams, tunnels)
            for streams, tunnels in ((1, 1), (STREAMS, TUNNELS), (1, 1))
        )
        ones += [one, again]
        eights.append(eight)
        ratios.append(eight.megabits / between(one.megabits, again.megabits))
        single, many = (_take(setting, forwarding, streams, 1) for streams in (1, STREAMS))
        plain.append(many.megabits / single.megabits)
    rows = [
        (name, f"{median(each.megabits for each in taken):,.0f}",
         f"{median(each.machine for each in taken):.2f}",
         f"{median(each.gateways for each in taken):.2f}")
        for name, taken in (("one stream", ones), ("eight over four tunnels", eights))
    ]  # fmt: skip
    work = "eight TCP streams over four tunnels"
    return Result(
        [
            Claim(work, "of one stream", median(ratios), floor=1.0),
            Claim(work, "forwarding's own eight to one", median(plain)),
        ],
        [Table("Eight TCP streams", ("streams", "Mbit/s", "CPU s/GB", "gateways"), rows)],
        {"eight": {"one": [asdict(x) for x in ones], "eight": [asdict(x) for x in eights]}},
    )


def _take(setting: Setting, path: Path, streams: int, tunnels: int) -> Stream:
    seconds = setting.amount.seconds
    return setting.judge.take(lambda: stream(path, seconds, streams, tunnels))
