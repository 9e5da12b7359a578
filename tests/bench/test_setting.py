"""How often something is measured, and what is done with paths that cannot be had."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest
from bench.noise import Judge, Pauses
from bench.paths.path import Kind, Path
from bench.setting import QUICK, Setting

from gatewright.lab.errors import LabError


def never(_: ExitStack, name: str) -> Path:
    raise AssertionError(f"{name} is built")


@pytest.fixture
def setting() -> Setting:
    return Setting(ExitStack(), Judge(Pauses()), QUICK, lambda _: None)


def test_as_often_as_wanted(setting: Setting) -> None:
    assert list(setting.repetitions(4)) == [0, 1, 2, 3]


def test_once_when_the_time_is_over(setting: Setting) -> None:
    setting.row_ends = time.monotonic() - 1
    assert list(setting.repetitions(4)) == [0]


def test_what_is_missing_is_told_and_not_built(setting: Setting) -> None:
    kind = Kind("a rival", never, lambda: "it is not installed")
    assert setting.path(kind) is None
    assert setting.paths([kind]) == []
    assert setting.absent == {"a rival": "it is not installed"}
    with pytest.raises(LabError, match="a rival: it is not installed"):
        setting.needed(kind)
