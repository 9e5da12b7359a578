"""How often something is measured, and what is done with paths that cannot be had."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest
from bench.noise import Judge, Pauses
from bench.paths.path import Beside, Kind, Path
from bench.setting import QUICK, Setting

from gatewright.lab.errors import LabError
from gatewright.lab.world import World


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


def test_a_way_beside_another_goes_through_the_same_gateways(setting: Setting) -> None:
    built: list[str] = []
    world = World()  # stands only where it is entered

    def build(_: ExitStack, name: str) -> Path:
        built.append(name)
        return Path(name, world, "10.20.0.2", (7, 8))

    kind = Kind("one", build)
    other = Beside("other", kind, "10.20.1.2")
    paths = setting.paths([other, kind])
    assert paths == [
        Path("other", world, "10.20.1.2", (7, 8)),
        Path("one", world, "10.20.0.2", (7, 8)),
    ]
    assert paths[0].to == "10.20.1.2:5301"
    assert built == ["one"]


def test_beside_a_missing_one_there_is_none(setting: Setting) -> None:
    other = Beside("other", Kind("one", never, lambda: "it is not installed"), "10.20.1.2")
    assert setting.path(other) is None
    assert setting.absent["other"] == "it is not installed"
