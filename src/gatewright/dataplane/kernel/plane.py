"""The kernel's IPsec as a data plane.

Packets never come here: the kernel looks them up in the policies that we give it, encrypts and
decrypts them, and tells us when one wants an SA that does not exist.  Until then it holds them, as
many as it is set to (net.core.xfrm_larval_drop 0).
"""

from __future__ import annotations

import errno
import select
import time
from collections.abc import Mapping, Sequence

from gatewright.dataplane.interface import (
    DataPlaneError,
    DataPlaneState,
    Event,
    PeerMoved,
    SaCounters,
    SaExpiring,
)
from gatewright.dataplane.kernel import events, sad, statistics
from gatewright.dataplane.kernel.associations import Associations
from gatewright.dataplane.kernel.device import Device
from gatewright.dataplane.kernel.layout import MappingSeen
from gatewright.dataplane.kernel.netlink import NetlinkSocket
from gatewright.dataplane.kernel.policies import Policies
from gatewright.dataplane.kernel.sockets import NatTSockets
from gatewright.dataplane.kernel.traffic import Traffic
from gatewright.ipsec.association import ChildSa
from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.compiled import SpdEntry

REMOVED = "removed"  # by somebody else


class KernelDataPlane:
    """Implements ``dataplane.interface.DataPlane``.

    ``interface`` is the name of the device that routes lead to; ``mark`` that of IKE and ESP.
    """

    def __init__(
        self, interface: str, *, mark: int, netlink: type[NetlinkSocket] = NetlinkSocket
    ) -> None:
        try:
            self._kernel = netlink()
            self._told = netlink(groups=events.GROUPS)
        except OSError as error:
            raise DataPlaneError(
                f"The kernel's IPsec cannot be reached: {error.strerror}. It needs CAP_NET_ADMIN "
                "and a kernel with XFRM; `engine: user-space` needs no such kernel."
            ) from None
        self._device = Device(interface)
        self._policies = Policies(self._kernel)
        self._associations = Associations(self._kernel, mark)
        self._traffic = Traffic()
        self._sockets = NatTSockets(mark)
        self._readable = select.epoll()
        self._watched: set[int] = set()
        self._waiting: dict[int, events.Wanted] = {}
        self._moved_to: dict[int, tuple[IPAddress, int]] = {}
        self._counted_before = statistics.read_statistics()
        self._is_open = False

    def open(self, local_addresses: Sequence[IPAddress]) -> None:
        self._device.open()
        if not self._is_open:
            self._associations.clear()  # of an earlier process: their keys are nobody's any more
            self._is_open = True
        self._sockets.listen(local_addresses)
        self._watch({self._told.fileno(), *self._sockets.filenos()})

    def close(self, *, remove: bool) -> None:
        """Policies stay unless ``remove``: what they select finds no SA, and does not pass."""
        try:
            self._sockets.close()
            if self._is_open:
                self._associations.clear()
                if remove:
                    self._policies.clear()
                self._device.close(remove=remove)
        finally:
            self._is_open = False
            self._readable.close()
            self._told.close()
            self._kernel.close()

    def replace_policies(self, entries: Sequence[SpdEntry]) -> None:
        self._policies.replace(entries)
        ids = {entry.id for entry in entries}
        self._waiting = {n: each for n, each in self._waiting.items() if n in ids}

    def add_sa(self, sa: ChildSa) -> None:
        self._policies.follow(sa.policy_id, (sa.transport.local, sa.transport.remote))
        self._associations.add(sa)
        if not sa.outbound_standby:
            self._answered(sa.policy_id)

    def activate_sa(self, spi_in: int) -> None:
        pair = self._associations.get(spi_in)
        if pair is not None and self._associations.activate(spi_in):
            self._answered(pair.sa.policy_id)

    def move_sa(self, spi_in: int, remote: IPAddress, remote_port: int) -> None:
        sa = self._associations.move(spi_in, remote, remote_port)
        if sa is not None:
            self._policies.follow(sa.policy_id, (sa.transport.local, remote))
            self._moved_to.pop(spi_in, None)

    def remove_sa(self, spi_in: int) -> None:
        self._associations.remove(spi_in)
        self._traffic.forget(spi_in)
        self._moved_to.pop(spi_in, None)

    def acquire_failed(self, policy_id: int) -> None:
        wanted = self._waiting.pop(policy_id, None)
        if wanted is not None:
            self._associations.give_up(wanted.template, wanted.sequence)

    def send_ike(
        self, local: IPAddress, remote: IPAddress, remote_port: int, payload: bytes
    ) -> None:
        self._sockets.send_ike(local, remote, remote_port, payload)

    def send_keepalive(self, local: IPAddress, remote: IPAddress, remote_port: int) -> None:
        self._sockets.send_keepalive(local, remote, remote_port)

    def event_fd(self) -> int:
        return self._readable.fileno()

    def poll_events(self) -> Sequence[Event]:
        found: list[Event] = list(self._sockets.receive())
        flushed = set()
        while (told := self._hear()) is not None:
            for each in told:
                if isinstance(each, events.Flushed):
                    flushed.add(each)
                elif (event := self._event(each)) is not None:
                    found.append(event)
        if events.Flushed.POLICIES in flushed:
            self._policies.restore()
        if events.Flushed.SAS in flushed:
            found += [SaExpiring(spi_in, True, REMOVED) for spi_in in self._associations.broken()]
        return found

    def counters(self) -> Mapping[str, int]:
        """Since this data plane was made; the kernel's own go on over a restart."""
        now = statistics.read_statistics()
        return {name: count - self._counted_before.get(name, 0) for name, count in now.items()}

    def sa_counters(self) -> Sequence[SaCounters]:
        return self._traffic.read(self._associations, time.time(), time.monotonic())

    def state(self) -> DataPlaneState:
        found = {"policies": str(len(self._policies))}
        return DataPlaneState("kernel", self._device.name, found)

    def _answered(self, policy_id: int) -> None:
        """There is an SA to send on."""
        if self._waiting.pop(policy_id, None) is not None:
            self._policies.release(policy_id)

    def _hear(self) -> list[events.Told] | None:
        try:
            messages = self._told.hear()
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise DataPlaneError(f"The kernel tells no more events: {error}.") from None
            # More happened than fitted: whoever waits for an SA is still there to be seen.
            seen = (events.larval(sa) for sa, _ in self._associations.seen())
            return [each for each in seen if each is not None]
        if messages is None:
            return None
        read = (events.read(each) for each in messages)
        return [each for each in read if each is not None]

    def _event(
        self, told: events.Wanted | events.Expired | events.Deleted | MappingSeen
    ) -> Event | None:
        match told:
            case events.Wanted(acquire):
                known = acquire.policy_id in self._waiting
                self._waiting[acquire.policy_id] = told
                return None if known else acquire
            case events.Expired():
                return self._expired(told)
            case events.Deleted():
                return self._deleted(told)
            case MappingSeen(spi, remote, port):
                return self._moved(spi, remote, port)

    def _expired(self, told: events.Expired) -> Event | None:
        spi_in = self._associations.spi_in_of(told.sa.destination, told.sa.spi)
        pair = self._associations.get(spi_in) if spi_in is not None else None
        if pair is None or spi_in is None:
            return None
        inbound = told.sa.spi == spi_in and told.sa.destination == pair.sa.transport.local
        if inbound and not told.hard and pair.sa.outbound_standby and not pair.outbound:
            self.activate_sa(spi_in)  # its first packet: the peer has the new keys
            return None
        return SaExpiring(spi_in, told.hard, _reason(pair.sa, told))

    def _deleted(self, told: events.Deleted) -> Event | None:
        """What we deleted ourselves is not known any more, or stands again."""
        spi_in = self._associations.spi_in_of(told.destination, told.spi)
        if spi_in is None or self._associations.stands(sad.Half(told.destination, told.spi)):
            return None
        return SaExpiring(spi_in, True, REMOVED)

    def _moved(self, spi_in: int, remote: IPAddress, port: int) -> Event | None:
        """The kernel tells with every packet."""
        if self._associations.get(spi_in) is None or self._moved_to.get(spi_in) == (remote, port):
            return None
        self._moved_to[spi_in] = (remote, port)
        return PeerMoved(spi_in, remote, port)

    def _watch(self, wanted: set[int]) -> None:
        """Descriptors that were closed are gone from the epoll by themselves."""
        for descriptor in wanted - self._watched:
            self._readable.register(descriptor, select.EPOLLIN)
        self._watched = wanted


def _reason(sa: ChildSa, told: events.Expired) -> str:
    octets = sa.byte_limit if told.hard else sa.byte_soft_limit
    by_sequence = told.sa.packets >= sad.REKEY_SEQUENCE and not (
        octets and told.sa.octets >= octets
    )
    return "sequence" if by_sequence else "bytes"
