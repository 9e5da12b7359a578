"""The kernel's data plane against itself, keyed by hand: what takes IKE minutes to bring about."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gatewright.lab.guest import Guest
from gatewright.lab.world import World
from tests.kernel_engine import planes

pytestmark = [pytest.mark.netns, pytest.mark.uml]

SHORT = [name for name in planes.CASES if " " not in name]
ALGORITHMS = [name for name in planes.CASES if " " in name]
PATIENCE = 500.0  # seconds: the first SA of a cipher waits for its self-test
THOROUGH = ("test_every_algorithm*",)


def run(world: World, cases: list[str]) -> dict[str, tuple[bool, str]]:
    root = Path(planes.__file__).resolve().parents[2]
    paths = f"PYTHONPATH={root / 'src'}:{root}"
    command = ["env", paths, sys.executable, "-m", "tests.kernel_engine.planes", *cases]
    guest = world.gateway_a
    assert isinstance(guest, Guest)
    done = guest.agent.run(command, timeout=PATIENCE)
    assert done.status == 0, done.stderr
    lines = map(json.loads, done.stdout.splitlines())
    return {name: (held, seen) for name, held, seen, _ in lines}


@pytest.fixture(scope="module")
def found(new_world: Callable[..., World]) -> dict[str, tuple[bool, str]]:
    return run(new_world(), SHORT)


@pytest.mark.parametrize("case", SHORT)
def test_of_sas_and_events(found: dict[str, tuple[bool, str]], case: str) -> None:
    held, seen = found[case]
    assert held, seen


@pytest.mark.timeout(600)
def test_every_algorithm_carries_both_ip_versions(new_world: Callable[..., World]) -> None:
    seen = run(new_world(), ALGORITHMS)
    assert len(seen) == len(ALGORITHMS)
    assert {name: why for name, (held, why) in seen.items() if not held} == {}
