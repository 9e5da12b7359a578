"""When a main mode SA is renewed and when it ends."""

from __future__ import annotations

import math

from gatewright.ike.v1 import lifetimes
from gatewright.ike.v1.core import Core


class Schedule:
    """Points in time, in seconds of the caller's clock.

    ``since``: when the session was made, then when it was established.
    """

    def __init__(self, now: float) -> None:
        self.since = now
        self.rekey_at: float | None = None
        self.expires_at = math.inf

    @property
    def running(self) -> bool:
        """Whether the lifetime has begun."""
        return self.expires_at < math.inf

    def begin(self, core: Core, now: float) -> None:
        """The SA is established."""
        assert core.choice is not None
        lifetime = core.choice.lifetime
        timing, random = core.context.timing, core.context.random
        self.since = now
        self.expires_at = now + lifetime
        self.rekey_at = now + lifetimes.rekey_after(
            lifetime, timing.margin(lifetime), timing, random, first=core.is_initiator
        )

    def renew_again(self, when: float) -> None:
        self.rekey_at = when

    def leave_at(self, when: float) -> None:
        """No renewal any more: the SA goes then."""
        self.rekey_at = None
        self.expires_at = when

    def stop(self) -> None:
        """The SA has ended."""
        self.rekey_at = None
        self.expires_at = math.inf

    def expired(self, now: float) -> bool:
        return now >= self.expires_at

    def next_timeout(self) -> float | None:
        times = [time for time in (self.rekey_at, self.expires_at) if time is not None]
        soonest = min(times)
        return soonest if soonest < math.inf else None

    def due(self, now: float) -> bool:
        soonest = self.next_timeout()
        return soonest is not None and now >= soonest
