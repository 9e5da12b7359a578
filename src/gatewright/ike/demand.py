"""What wants a child SA, and when to try again after a failure.

Traffic (an acquire), the administrator (``up``) and the policy (``start: always``) all end in the
same wish: this child SA.  A wish that failed waits ``retry_delay`` before it is tried again, so
that a flood of packets towards a refusing peer makes one negotiation at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.ike.timers import TimerQueue
from gatewright.ipsec.selectors import TrafficSelector

Trigger = tuple[TrafficSelector, TrafficSelector]


@dataclass(frozen=True, slots=True)
class Wish:
    """One child SA to negotiate; ``not_before`` in seconds of the caller's clock.

    ``urgent``: traffic or the administrator waits for it.
    """

    policy_id: int
    trigger: Trigger | None
    not_before: float
    urgent: bool = False


class Demand:
    """The wishes that wait for their time, one per policy."""

    def __init__(self, retry_delay: float) -> None:
        self._retry_delay = retry_delay
        self._failed_at: dict[int, float] = {}
        self._waiting: dict[int, Wish] = {}
        self._times: TimerQueue[int] = TimerQueue()

    def want(self, policy_id: int, trigger: Trigger | None, now: float) -> Wish | None:
        """The wish if it may be acted on at once; None when it waits after a failure."""
        failed_at = self._failed_at.get(policy_id)
        if failed_at is None or now >= failed_at + self._retry_delay:
            self._drop(policy_id)
            return Wish(policy_id, trigger, now, urgent=True)
        self._wait(Wish(policy_id, trigger, failed_at + self._retry_delay, urgent=True))
        return None

    def failed(self, policy_id: int, now: float, *, again: bool) -> None:
        """A negotiation for it failed; ``again`` keeps the wish (a tunnel that is always on)."""
        self._failed_at[policy_id] = now
        if again:
            self._wait(Wish(policy_id, None, now + self._retry_delay))

    def met(self, policy_id: int) -> None:
        self._failed_at.pop(policy_id, None)
        self._drop(policy_id)

    def forget(self, policy_id: int) -> None:
        """Neither wanted nor known to have failed: the policy or the tunnel is gone."""
        self.met(policy_id)

    def next_timeout(self) -> float | None:
        return self._times.next_timeout()

    def take_due(self, now: float) -> list[Wish]:
        due = []
        while (policy_id := self._times.pop_due(now)) is not None:
            due.append(self._waiting.pop(policy_id))
        return due

    def _wait(self, wish: Wish) -> None:
        self._waiting[wish.policy_id] = wish
        self._times.set(wish.policy_id, wish.not_before)

    def _drop(self, policy_id: int) -> None:
        self._waiting.pop(policy_id, None)
        self._times.set(policy_id, None)
