from __future__ import annotations

import os

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
    paths = EngineDataPlane("gwunit3").state().fast_paths
    assert [(path.name, path.place) for path in paths] == [
        ("vector-aes", "the processor"),
        ("ipsec-mb", "the processor"),
        ("steady-core", "the processor"),
    ]
    for path in paths:
        assert (path.state == "in-use") == (path.why == "")


def test_the_library_for_aes_gcm_can_be_switched_off() -> None:
    _, library, _ = EngineDataPlane("gwunit3", without=["ipsec-mb"]).state().fast_paths
    assert (library.state, library.why) == ("off", "switched off by a setting")


def test_the_library_for_aes_gcm_is_used_where_processor_and_system_have_it() -> None:
    _, library, _ = EngineDataPlane("gwunit3").state().fast_paths
    # Any other reason (another version, a wrong answer) is a defect.
    missing = ("the processor has no VAES", "libIPSec_MB.so.1 is not")
    assert library.state == "in-use" or library.why.startswith(missing)


def test_a_busy_thread_holds_its_core_where_there_are_several_and_it_may() -> None:
    *_, core = EngineDataPlane("gwunit3").state().fast_paths
    alone = len(os.sched_getaffinity(0)) == 1
    assert (core.state, core.why) == (
        ("refused", "there is one core only") if alone else ("in-use", "")
    )
    *_, core = EngineDataPlane("gwunit3", without=["steady-core"]).state().fast_paths
    assert (core.state, core.why) == ("off", "switched off by a setting")
