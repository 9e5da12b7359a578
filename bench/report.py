"""The table: medians, and ratios to what was measured in the same run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from statistics import median

from rich.console import Console
from rich.table import Table

HEADINGS = (
    "path", "Mbit/s (median)", "range",
    "CPU s/GB", "round trip µs", "99 % µs", "memory MiB", "first reply ms",
)  # fmt: skip


@dataclass
class Row:
    """The samples of one path, in the units of `measure`."""

    name: str
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    round_trips: list[float] = field(default_factory=list)
    tails: list[float] = field(default_factory=list)
    memory: int = 0
    first_reply: float | None = None

    @property
    def rate(self) -> float:
        return median(self.rates) if self.rates else 0.0


def print_table(console: Console, rows: list[Row], baseline: str, rival: str, machine: str) -> None:
    """Show the rows; rates also as ratios to the rows of these two names."""
    by_name = {row.name: row for row in rows}
    table = Table(title="One TCP stream from hostA to hostB", caption=machine)
    for heading in (*HEADINGS[:3], f"of {baseline}", f"of {rival}", *HEADINGS[3:]):
        table.add_column(heading, justify="left" if heading == "path" else "right")
    for row in rows:
        table.add_row(
            row.name,
            f"{row.rate:,.0f}",
            f"{min(row.rates):,.0f} to {max(row.rates):,.0f}",
            _ratio(row, by_name.get(baseline)),
            _ratio(row, by_name.get(rival)),
            f"{median(row.cpu):.2f}",
            f"{median(row.round_trips) * 1e6:.0f}" if row.round_trips else "",
            f"{median(row.tails) * 1e6:.0f}" if row.tails else "",
            f"{row.memory / 2**20:.0f}" if row.memory else "",
            f"{row.first_reply * 1e3:.1f}" if row.first_reply is not None else "",
        )
    console.print(table)


def as_json(rows: list[Row], machine: str) -> str:
    """The samples for a program."""
    return json.dumps(
        {
            "machine": machine,
            "rows": [
                {
                    "path": row.name,
                    "megabits_per_second": row.rates,
                    "cpu_seconds_per_gigabyte": row.cpu,
                    "round_trip_seconds": row.round_trips,
                    "round_trip_99th_percentile_seconds": row.tails,
                    "memory_bytes": row.memory,
                    "first_reply_seconds": row.first_reply,
                }
                for row in rows
            ],
        },
        indent=2,
    )


def _ratio(row: Row, reference: Row | None) -> str:
    return f"{row.rate / reference.rate:.2f}" if reference and reference.rate else ""
