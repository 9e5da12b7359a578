"""The command line of the benchmark."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.options import parse
from bench.setting import FULL, QUICK

ROWS = ("stream", "latency")


def test_everything_by_default() -> None:
    options = parse(ROWS, [])
    assert options.rows == ROWS
    assert options.amount == FULL
    assert options.json is None


def test_what_is_given_goes_before_quick() -> None:
    options = parse(ROWS, ["--quick", "--repeat", "8", "--only", "latency", "--json", "x.json"])
    assert options.rows == ("latency",)
    assert options.amount.repetitions == 8
    assert options.amount.seconds == QUICK.seconds
    assert options.json == Path("x.json")


@pytest.mark.parametrize("words", [["--only", "speed"], ["--repeat", "0"], ["--seconds", "-1"]])
def test_what_makes_no_sense_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(ROWS, words)
    assert "error:" in capsys.readouterr().err
