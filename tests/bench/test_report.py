"""The result as it is read: in a terminal of 100 columns, and by a program."""

from __future__ import annotations

import io
import json

from bench.claims import Claim, Form
from bench.report import as_json, print_claims, print_closing, print_tables
from bench.result import Table
from rich.console import Console

CLAIMS = [
    Claim("TCP stream, UDP 4500", "of forwarding with offload", 0.381, floor=0.40, aim=0.55),
    Claim("TCP stream, UDP 4500", "over strongSwan libipsec, UDP", 22.2, floor=9.0),
    Claim("protocol 50", "over strongSwan [any]", None, floor=6.0, note="it sends none"),
    Claim("round trip added", "median", 112e0, Form.MICROSECONDS, 150, 100, lower_is_better=True),
]


def rendered(show: object, *arguments: object) -> list[str]:
    console = Console(file=io.StringIO(), width=100)
    assert callable(show)
    show(console, *arguments)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_one_line_a_claim_with_its_verdict() -> None:
    lines = rendered(print_claims, CLAIMS)
    assert max(len(line.rstrip()) for line in lines) <= 100
    found = {line.split()[-1]: line for line in lines if line.strip()}
    assert "0.38" in found["BELOW"]
    assert "0.40" in found["BELOW"]
    assert any("22.20" in line and "9.00" in line and "pass" in line for line in lines)
    assert any("112 µs" in line and "150 µs" in line and "100 µs" in line for line in lines)
    # The work is named once.
    assert sum("TCP stream, UDP 4500" in line for line in lines) == 1


def test_why_there_is_no_value_is_told_as_it_is_written() -> None:
    text = "\n".join(rendered(print_claims, CLAIMS))
    assert "protocol 50, over strongSwan [any]: it sends none." in text


def test_the_closing_counts_floors() -> None:
    lines = rendered(print_closing, CLAIMS, {"boringtun-cli": "no cargo"}, "Quiet.", "a machine")
    assert lines == [
        "Without boringtun-cli: no cargo.",
        "Quiet.",
        "Machine: a machine.",
        "2 of 3 floors reached.",
    ]


def test_numbers_of_a_table_do_not_wrap() -> None:
    table = Table(
        "One TCP stream from hostA to hostB",
        ("path", "range"),
        [("a name of a path " * 8, "1,000 to 12,345")],
    )
    lines = rendered(print_tables, [table])
    assert lines[0] == "One TCP stream from hostA to hostB"
    assert any("1,000 to 12,345" in line for line in lines)
    assert max(len(line.rstrip()) for line in lines) <= 100


def test_the_title_of_a_narrow_table_is_one_line() -> None:
    table = Table("Memory of a gateway, MiB", ("when", "resident"), [("before", "75.0")])
    assert rendered(print_tables, [table])[0] == "Memory of a gateway, MiB"


def test_a_program_gets_claims_and_samples() -> None:
    content = json.loads(as_json(CLAIMS, {"streams": {"x": [1.0]}}, {"rejected": 2}, "a machine"))
    assert content["samples"] == {"streams": {"x": [1.0]}}
    assert content["claims"][0]["mark"] == "below"
    assert content["claims"][2]["value"] is None
    assert content["noise"] == {"rejected": 2}
