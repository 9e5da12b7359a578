"""The loop: carries inputs to the IKE endpoint, its outputs to the executor.

Whatever comes in (a datagram, an event of the data plane, a command, a time) goes through
``_input``: hand it over with the current time, drain the outputs, set the timer anew.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from gatewright.audit.event import Event, Kind, Severity
from gatewright.audit.trail import Trail
from gatewright.daemon.executor import Executor
from gatewright.daemon.wording import fast_path_lost
from gatewright.dataplane.interface import (
    Acquire,
    DataPlaneError,
    FastPathLost,
    IkeDatagram,
    PeerMoved,
    SaExpiring,
)
from gatewright.dataplane.interface import Event as DataPlaneEvent
from gatewright.ike.machine import Address, Datagram
from gatewright.ike.outputs import Output
from gatewright.ipsec.selectors import IPAddress, TrafficSelector
from gatewright.policy.flows import PORT_PROTOCOLS

if TYPE_CHECKING:
    from gatewright.ike.endpoint import Endpoint

_T = TypeVar("_T")


class Loop:
    """The time is that of the event loop: monotonic seconds.

    ``on_data_plane_end`` is called when the data plane has ended of itself: no packet passes any
    more, and only a new start helps.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        endpoint: Endpoint,
        executor: Executor,
        trail: Trail,
        on_data_plane_end: Callable[[], None],
    ) -> None:
        self.endpoint = endpoint
        self.executor = executor
        self._loop = loop
        self._trail = trail
        self._on_data_plane_end = on_data_plane_end
        self._timer: asyncio.TimerHandle | None = None
        self._watched: int | None = None

    def receive(self, datagram: Datagram) -> None:
        """An IKE message came to port 500."""
        self.executor.counters["ike_received"] += 1
        self._input(lambda now: self.endpoint.receive(datagram, now))

    def command(self, run: Callable[[float], _T]) -> _T:
        """Run a command of the endpoint and drain; what it raises goes to the caller."""
        try:
            return run(self._loop.time())
        finally:
            self._drain()

    def watch_data_plane(self) -> None:
        """Read the data plane's events from now on."""
        self.unwatch_data_plane()
        self._watched = self.executor.dataplane.event_fd()
        self._loop.add_reader(self._watched, self._data_plane_readable)

    def unwatch_data_plane(self) -> None:
        if self._watched is not None:
            self._loop.remove_reader(self._watched)
            self._watched = None

    def stop(self) -> None:
        self.unwatch_data_plane()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _data_plane_readable(self) -> None:
        try:
            events = self.executor.dataplane.poll_events()
        except DataPlaneError as error:
            self.unwatch_data_plane()
            self._trail.add(Event(Kind.DATA_PLANE_FAILED, Severity.ERROR, str(error)))
            self._on_data_plane_end()
            return
        for event in events:
            self._input(partial(self._take, event))

    def _take(self, event: DataPlaneEvent, now: float) -> None:
        match event:
            case IkeDatagram(local, local_port, remote, remote_port, payload):
                self.executor.counters["ike_received"] += 1
                ends = Address(local, local_port), Address(remote, remote_port)
                self.endpoint.receive(Datagram(*ends, payload), now)
            case Acquire():
                self.executor.counters["acquires"] += 1
                self.endpoint.acquire(event.policy_id, trigger(event), now)
            case SaExpiring(spi_in, hard):
                self.endpoint.child_expiring(spi_in, hard, now)
            case PeerMoved(spi_in, remote, remote_port):
                self.endpoint.peer_moved(spi_in, Address(remote, remote_port))
            case FastPathLost(path):
                self._trail.add(fast_path_lost(path))

    def _timeout(self) -> None:
        self._timer = None
        self._input(self.endpoint.handle_timeout)

    def _input(self, hand_over: Callable[[float], None]) -> None:
        """Give one input to the endpoint.

        A defect that one message uncovers must not take the other tunnels down, nor print a
        traceback that a peer can cause: it is an event with the place of the defect.
        """
        try:
            hand_over(self._loop.time())
        except Exception as error:
            self._report_defect(error)
        self._drain()

    def _drain(self) -> None:
        while outputs := self.endpoint.take_outputs():
            for output in outputs:
                self._execute(output)
            for spi_in in self.executor.take_not_installed():
                self.endpoint.child_not_installed(spi_in, self._loop.time())
        self._set_timer()

    def _execute(self, output: Output) -> None:
        try:
            self.executor.execute(output)
        except Exception as error:
            self._report_defect(error)

    def _set_timer(self) -> None:
        wanted = self.endpoint.next_timeout()
        if self._timer is not None:
            if wanted == self._timer.when():
                return
            self._timer.cancel()
        self._timer = None if wanted is None else self._loop.call_at(wanted, self._timeout)

    def _report_defect(self, error: Exception) -> None:
        self.executor.counters["internal_errors"] += 1
        frames = traceback.extract_tb(error.__traceback__)
        places = [f"{f.filename.rpartition('gatewright/')[2]}:{f.lineno}" for f in frames]
        self._trail.add(
            Event(
                Kind.INTERNAL_ERROR,
                Severity.ERROR,
                f"A defect of Gatewright showed at {places[-1]} ({type(error).__name__}). The "
                "input was dropped, tunnels are not affected. Please report it.",
                details={"calls": " > ".join(places)},
            )
        )


def trigger(event: Acquire) -> tuple[TrafficSelector, TrafficSelector]:
    """The packet that wants an SA, as the most specific selectors (RFC 7296 section 2.9)."""
    return (
        _one(event.source, event.protocol, event.source_port),
        _one(event.destination, event.protocol, event.destination_port),
    )


def _one(address: IPAddress, protocol: int, port: int) -> TrafficSelector:
    if protocol not in PORT_PROTOCOLS:
        return TrafficSelector(address, address, protocol)
    return TrafficSelector(address, address, protocol, port, port)
