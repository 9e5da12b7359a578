"""The last failed negotiation of each tunnel, kept until it succeeds: what ``status`` explains."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from gatewright.audit.event import Event
from gatewright.control.models import Difference, Failure
from gatewright.ike.outputs import ChildSaEstablished, NegotiationFailed, Output


class Failures:
    """An observer of the executor.  ``wall_clock`` gives seconds since 1970."""

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._clock = wall_clock
        self._last: dict[str, Failure] = {}

    def __call__(self, output: Output, event: Event | None) -> None:
        del event
        match output:
            case NegotiationFailed() if output.tunnel:
                self._last[output.tunnel] = self.failure(output)
            case ChildSaEstablished(sa):
                failed = self._last.get(sa.tunnel)
                if failed is not None and failed.child in ("", sa.child):
                    del self._last[sa.tunnel]
            case _:
                pass

    def of(self, tunnel: str) -> Failure | None:
        return self._last.get(tunnel)

    def keep(self, tunnels: Iterable[str]) -> None:
        """Forget tunnels that no policy has any more."""
        wanted = set(tunnels)
        self._last = {name: failure for name, failure in self._last.items() if name in wanted}

    def failure(self, output: NegotiationFailed) -> Failure:
        return Failure(
            time=datetime.fromtimestamp(self._clock(), UTC),
            child=output.child,
            mode=output.mode,
            fault=output.fault.value,
            explanation=output.explanation,
            notify=output.notify,
            differences=[
                Difference(item=each.item, ours=each.ours, theirs=each.theirs)
                for each in output.differences
            ],
        )
