"""Small UDP packets: the most that are delivered a second while hardly any is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from statistics import median

from bench import tool
from bench.claims import Claim
from bench.paths.catalogue import FORWARDING, GCM, PROTOCOL_50, STRONGSWAN, WIREGUARD_GO
from bench.paths.path import Path
from bench.result import Result, Table
from bench.search import RateSearch, Trial
from bench.setting import Setting
from bench.statistics import paired_ratio

SIZE = 64  # octets of payload
SECONDS = 1.0
START = 40_000.0
# A further search begins with this share of what the ones before found.
AGAIN = 0.8
MOST_TRIALS = 24
# The rivals are searched in the first of so many repetitions.
RIVALS_EVERY = 3
WORK = "64-octet UDP packets"


def trial(path: Path, rate: float, destinations: int = 1, size: int = SIZE) -> Trial:
    """Offer this many packets a second."""
    answer = tool.run(
        path.world.host_a,
        "packets",
        to=path.to,
        rate=rate,
        seconds=SECONDS,
        size=size,
        destinations=destinations,
    )
    sent = max(answer["sent"], 1)
    # Queues let the last ones come after the last was sent.
    seconds = max(answer["receiving_seconds"], answer["seconds"])
    return Trial(
        rate,
        answer["sent"] / answer["seconds"],
        answer["received"] / seconds,
        1 - answer["received"] / sent,
        int(answer["overtaken"]),
    )


def run(setting: Setting) -> Result:
    """All paths search in turn, a trial each."""
    compared = [setting.needed(FORWARDING), *setting.paths([GCM, PROTOCOL_50])]
    rivals = setting.rivals([STRONGSWAN, WIREGUARD_GO])
    found: dict[str, list[RateSearch]] = {path.name: [] for path in [*compared, *rivals]}
    for repetition in setting.repetitions(setting.amount.repetitions):
        paths = compared if repetition % RIVALS_EVERY else [*compared, *rivals]
        offers = {path.name: partial(trial, path) for path in paths}
        starts = {name: further_start([search.best for search in found[name]]) for name in offers}
        for name, search in search_in_turn(setting, offers, starts).items():
            found[name].append(search)
    return _result(found)


def further_start(found: Sequence[float]) -> float:
    """Where the next search of a path begins; ``found``: what those before came to.  Packets a
    second."""
    carried = [best for best in found if best > 0]
    return AGAIN * median(carried) if carried else START


def search_in_turn(
    setting: Setting,
    offers: Mapping[str, Callable[[float], Trial]],
    starts: Mapping[str, float] | None = None,
) -> dict[str, RateSearch]:
    """The highest rate of each, one trial of each in turn; ``starts``: packets a second by name."""
    searches = {name: RateSearch((starts or {}).get(name, START)) for name in offers}
    for _ in range(MOST_TRIALS):
        for name, search in searches.items():
            if not search.done:
                setting.say(f"{WORK}: {name}, {search.next_rate:,.0f} a second")
                search.record(setting.judge.take(partial(offers[name], search.next_rate)))
    return searches


def _result(found: dict[str, list[RateSearch]]) -> Result:
    best = {name: [search.best for search in searches] for name, searches in found.items()}
    forwarding = best[FORWARDING.name]
    rows = [
        (
            name,
            f"{median(best[name]):,.0f}",
            f"{min(best[name]):,.0f} to {max(best[name]):,.0f}",
            f"{sum(search.overtaken for search in searches):,}",
            "sender" if all(search.sender_is_the_limit for search in searches) else "path",
        )
        for name, searches in found.items()
    ]
    return Result(
        [
            Claim(f"{WORK}, {name}", "of forwarding", ratio, floor=floor, aim=aim)
            for name, floor, aim in ((GCM.name, 0.9, 1.0), (PROTOCOL_50.name, None, None))
            if (ratio := paired_ratio(best.get(name, []), forwarding)) is not None
        ],
        [
            Table(
                f"{SIZE}-octet UDP packets delivered a second, loss under 0.5 %",
                ("path", "packets/s", "range", "overtaken", "limit"),
                rows,
            )
        ],
        {
            "packets": {
                name: [
                    {"best": asdict(search.good) if search.good else None} for search in searches
                ]
                for name, searches in found.items()
            }
        },
    )
