"""The command line of ``make bench``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.setting import FULL, QUICK, Amount

DESCRIPTION = "Measure Gatewright beside its rivals and beside plain forwarding, as ratios."


@dataclass(frozen=True, slots=True)
class Options:
    """``rows``: names of what is to be measured; ``json``: the file for the samples, or None."""

    amount: Amount
    rows: tuple[str, ...]
    json: Path | None


def parse(names: Sequence[str], arguments: Sequence[str] | None = None) -> Options:
    """``names``: the rows that there are.  Ends the process with a sentence on a wrong option."""
    parser = argparse.ArgumentParser(prog="make bench", description=DESCRIPTION)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter samples")
    parser.add_argument(
        "--only", nargs="+", choices=names, metavar="ROW", help=f"of {', '.join(names)}"
    )
    parser.add_argument("--repeat", type=int, help="interleaved repetitions of each series")
    parser.add_argument("--seconds", type=float, help="length of one TCP stream")
    parser.add_argument("--pings", type=int, help="round trips on each path")
    parser.add_argument("--tunnels", type=int, help="of the row with many")
    parser.add_argument("--soak", type=float, help="seconds of full load while memory is watched")
    parser.add_argument("--minutes", type=float, help="after which no repetition is begun")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    given = parser.parse_args(arguments)
    wished = {
        "repetitions": given.repeat,
        "seconds": given.seconds,
        "pings": given.pings,
        "tunnels": given.tunnels,
        "soak": given.soak,
        "minutes": given.minutes,
    }
    for name, value in wished.items():
        if value is not None and value <= 0:
            parser.error(f"{name} has to be more than 0, not {value}")
    amount = replace(
        QUICK if given.quick else FULL, **{name: value for name, value in wished.items() if value}
    )
    return Options(amount, tuple(given.only or names), given.json)
