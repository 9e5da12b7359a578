"""What can be fuzzed, by name.  A target takes a seed, and raises when something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fuzz import negotiations, parsers
from gatewright.policy.compiled import IkeVersion

TARGETS: dict[str, Callable[[int], None]] = {
    f"{name}-v{int(version)}": partial(run, version)
    for name, run in (
        ("parsers", parsers.run),
        ("lying-peer", negotiations.lying_peer),
        ("meddler", negotiations.meddler),
    )
    for version in IkeVersion
}
