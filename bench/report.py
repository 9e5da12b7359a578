"""The result for people, in 100 columns, and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from bench.claims import Claim, Mark
from bench.result import Json, Table

STYLES = {
    Mark.AIM: "bold green", Mark.PASS: "green", Mark.BELOW: "bold red",
    Mark.STATED: "", Mark.MISSING: "dim",
}  # fmt: skip
SIDES = (0, 1)


def print_tables(console: Console, tables: Sequence[Table]) -> None:
    """What was measured, path by path."""
    for table in tables:
        console.print(table.title, style="bold", markup=False)
        shown = RichTable(box=box.SIMPLE_HEAD, padding=SIDES)
        for index, heading in enumerate(table.headings):
            shown.add_column(heading, justify="right" if index else "left", no_wrap=bool(index))
        for row in table.rows:
            shown.add_row(*(escape(cell) for cell in row))
        console.print(shown)


def print_claims(console: Console, claims: Sequence[Claim]) -> None:
    """What must be reached, and what was."""
    console.print("What must be reached, and what was", style="bold")
    shown = RichTable(box=box.SIMPLE_HEAD, padding=SIDES)
    for heading in ("work", "against"):
        shown.add_column(heading)
    for heading in ("measured", "floor", "aim", ""):
        shown.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    last = ""
    for claim in claims:
        shown.add_row(
            "" if claim.work == last else claim.work,
            claim.against,
            claim.form.write(claim.value),
            claim.form.write(claim.floor),
            claim.form.write(claim.aim),
            f"[{STYLES[claim.mark]}]{claim.mark.value}[/]"
            if STYLES[claim.mark]
            else claim.mark.value,
        )
        last = claim.work
    console.print(shown)
    for claim in claims:
        if claim.note:
            console.print(f"{claim.work}, {claim.against}: {claim.note}.", markup=False)


def print_closing(
    console: Console, claims: Sequence[Claim], absent: Mapping[str, str], quiet: str, machine: str
) -> None:
    """What was left out, how quiet it was, on which machine."""
    for name, why in absent.items():
        console.print(f"Without {name}: {why}.", markup=False)
    console.print(f"{quiet}", markup=False)
    console.print(f"Machine: {machine}.", markup=False)
    below = sum(claim.mark is Mark.BELOW for claim in claims)
    asked = sum(claim.floor is not None and claim.value is not None for claim in claims)
    console.print(f"{asked - below} of {asked} floors reached.", markup=False)


def as_json(claims: Sequence[Claim], samples: Json, quiet: Json, machine: str) -> str:
    """All samples, and the claims made of them."""
    lines = [
        {
            "work": claim.work,
            "against": claim.against,
            "value": claim.value,
            "form": claim.form.name.lower(),
            "floor": claim.floor,
            "aim": claim.aim,
            "mark": claim.mark.name.lower(),
            "note": claim.note,
        }
        for claim in claims
    ]
    content = {"machine": machine, "claims": lines, "noise": quiet, "samples": samples}
    return json.dumps(content, indent=2)
