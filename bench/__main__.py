"""``make bench``: measure every row in turn, and print the tables."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial

from rich.console import Console

from bench import tool
from bench.machine import describe
from bench.noise import Judge, Pauses
from bench.options import Options, parse
from bench.report import as_json, print_claims, print_closing, print_tables
from bench.result import Result
from bench.rows import eight, latency, many, memory, packets, streams
from bench.setting import Setting
from gatewright.lab.errors import LabError

WIDTH = 100  # in a file or a pipe
STREAMS = "the streams"  # one series together; the others have each its own
ALONE: dict[str, Callable[[Setting], Result]] = {
    "latency": latency.run,
    "packets": packets.run,
    "eight": eight.run,
    "many": many.run,
    "memory": memory.run,
}
# Shares of the time.
WEIGHTS = {STREAMS: 50, "latency": 4, "packets": 18, "eight": 8, "many": 15, "memory": 5}
ROWS = (*streams.PARTS, *ALONE)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(ROWS, arguments)
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    with ExitStack() as stack:
        pauses = stack.enter_context(Pauses())
        judge = Judge(pauses)
        status = stack.enter_context(console.status("building the sender and receiver"))
        setting = Setting(stack, judge, options.amount, status.update)
        try:
            tool.build()
            result = _measure(setting, options)
        except LabError as error:
            console.print(f"The measurement stopped: {error}", style="red", markup=False)
            return 1
        except KeyboardInterrupt:
            console.print("Interrupted: nothing is shown of a run that is not whole.")
            return 130
    print_tables(console, result.tables)
    print_claims(console, result.claims)
    print_closing(console, result.claims, setting.absent, judge.sentence(), describe())
    if options.json is not None:
        text = as_json(result.claims, result.samples, judge.as_json(), describe())
        options.json.write_text(text + "\n")
    return 1 if any(row in setting.absent for row in WEIGHTS) else 0


def _measure(setting: Setting, options: Options) -> Result:
    total = Result(samples={"amount": asdict(setting.amount)})
    for result in _results(setting, options):
        total.claims += result.claims
        total.tables += result.tables
        total.samples |= result.samples
    return total


def _results(setting: Setting, options: Options) -> Iterator[Result]:
    parts = [name for name in options.rows if name in streams.PARTS]
    runs: dict[str, Callable[[], Result]] = {}
    if parts:
        runs[STREAMS] = partial(streams.run, setting, parts)
    runs |= {name: partial(ALONE[name], setting) for name in ALONE if name in options.rows}
    end = time.monotonic() + setting.amount.minutes * 60
    weight = sum(WEIGHTS[name] for name in runs)
    for name, run in runs.items():
        # What a row leaves over is the others'.
        now = time.monotonic()
        setting.row_ends = now + max(0.0, end - now) * WEIGHTS[name] / weight
        weight -= WEIGHTS[name]
        try:
            yield run()
        except LabError as error:  # the other rows are worth having
            setting.absent[name] = str(error)


if __name__ == "__main__":
    sys.exit(main())
