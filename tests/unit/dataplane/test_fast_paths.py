from __future__ import annotations

import pytest

from gatewright.dataplane.engine import EngineDataPlane
from gatewright.dataplane.fast_paths import SWITCHES, fast_path
from gatewright.dataplane.interface import DataPlaneError


@pytest.mark.parametrize("name", SWITCHES)
def test_the_engine_knows_every_switch_and_each_has_words(name: str) -> None:
    EngineDataPlane("gwunit3", without=[name])
    assert fast_path(name, "", "off", "").saves != name


def test_the_engine_names_its_switches_when_asked_for_another() -> None:
    with pytest.raises(DataPlaneError, match=f'"tea"; there are: {", ".join(SWITCHES)}'):
        EngineDataPlane("gwunit3", without=["tea"])


def test_the_processor_is_told_of_before_anything_is_open() -> None:
    (path,) = EngineDataPlane("gwunit3").state().fast_paths
    assert (path.name, path.place) == ("vector-aes", "the processor")
    assert (path.state == "in-use") == (path.why == "")
