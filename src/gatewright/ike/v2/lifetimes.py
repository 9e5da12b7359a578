"""When to rekey: before the end of a lifetime, not at the same moment on both sides.

RFC 7296 section 2.8 wants the time of a rekey jittered, so that two peers with the same lifetime
rarely start at once.
"""

from __future__ import annotations

from gatewright.ike.machine import RandomSource, Timing


def soft_limit(limit: float, margin: float, timing: Timing, random: RandomSource) -> float:
    """The part of ``limit`` (seconds or octets) after which to rekey.

    It lies ``margin`` before the end, in the same unit, and by chance up to ``rekey_fuzz`` of that
    earlier: with the defaults at 85 to 90 percent of an hour, and at 62 to 75 percent of a volume.
    """
    chance = int.from_bytes(random(4), "big") / 2**32
    return limit - margin * (1 + timing.rekey_fuzz * chance)


def next_attempt(now: float, end: float, timing: Timing) -> float:
    """When to try a rekey again that was refused: at half the time that is left."""
    return now + max(timing.retry_delay, (end - now) / 2)
