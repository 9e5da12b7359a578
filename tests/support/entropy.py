"""Randomness that a test can repeat."""

from __future__ import annotations

import random

from gatewright.ike.machine import RandomSource


def seeded(seed: int) -> RandomSource:
    """A random source that gives the same octets for the same seed."""
    return random.Random(seed).randbytes
