"""The user-space data plane: ``DataPlane`` over the Rust engine.

Translates the control plane's values into the engine's builtin ones and back; nothing is decided
here.  Packets move on the engine's own threads, which never take the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

from gatewright import _engine
from gatewright.dataplane import system_drops
from gatewright.dataplane.fast_paths import fast_path
from gatewright.dataplane.interface import (
    Acquire,
    DataPlaneError,
    DataPlaneState,
    DirectEsp,
    Event,
    FastPathLost,
    IkeDatagram,
    PeerMoved,
    SaCounters,
    SaExpiring,
)
from gatewright.ipsec.association import ChildSa, Encapsulation
from gatewright.ipsec.selectors import IPAddress, TrafficSelector
from gatewright.policy.compiled import Action, SpdEntry

DEFAULT_INTERFACE = "gatewright"
DEFAULT_MTU = 1500
MARK = 0x4757
"""``SO_MARK`` of everything the engine sends, by which routing rules and guards exempt it."""
NAT_T_PORT = 4500

_Selector = tuple[IPAddress, IPAddress, int, int, int]
_ACTIONS: Mapping[Action, Literal["protect", "bypass", "discard"]] = {
    Action.PROTECT: "protect",
    Action.BYPASS: "bypass",
    Action.DISCARD: "discard",
}


class EngineDataPlane:
    """The engine behind one TUN device.

    ``interface`` is the device's name (1 to 15 characters), ``mtu`` its MTU in octets.
    ``without`` names fast paths not to use, also where the system has them
    (``fast_paths.SWITCHES``).
    ``mss_clamp``: lower the MSS of TCP connections that begin in a tunnel to what fits it.
    ``workers`` is the number of packet threads (1 to 64; None: half of the cores, at most 8),
    ``busy_poll_us`` for how many microseconds each looks for more before it sleeps.
    ``clear_others`` is called once, before anything is opened or removed: it takes away what
    another engine left behind when it was killed.
    ``own_table`` is the nftables table that ``DirectEsp.AUTO`` does not count among the others'.

    Raises ``DataPlaneError`` for a number of workers that cannot be, or a name that is none.
    """

    def __init__(
        self,
        interface: str = DEFAULT_INTERFACE,
        *,
        mtu: int = DEFAULT_MTU,
        mark: int = MARK,
        without: Collection[str] = (),
        mss_clamp: bool = True,
        workers: int | None = None,
        busy_poll_us: int = 0,
        clear_others: Callable[[], None] | None = None,
        direct_esp: DirectEsp = DirectEsp.AUTO,
        own_table: str = "gatewright",
    ) -> None:
        self._clear_others = clear_others
        with _refusals():
            self._engine = _engine.Engine(
                interface,
                mtu=mtu,
                mark=mark,
                port=NAT_T_PORT,
                without=list(without),
                mss_clamp=mss_clamp,
                workers=workers,
                busy_poll_us=busy_poll_us,
                direct_esp=direct_esp.value,
                own_table=own_table,
            )

    def open(self, local_addresses: Sequence[IPAddress]) -> None:
        self._clear_once()
        with _refusals():
            self._engine.open(list(local_addresses))

    def close(self, *, remove: bool) -> None:
        if remove:
            self._clear_once()
        with _refusals():
            self._engine.close(remove=remove)

    def replace_policies(self, entries: Sequence[SpdEntry]) -> None:
        with _refusals():
            self._engine.replace_policies(
                [
                    (e.id, _ACTIONS[e.action], _selectors(e.local), _selectors(e.remote))
                    for e in entries
                ]
            )

    def add_sa(self, sa: ChildSa) -> None:
        with _refusals():
            self._engine.add_sa(
                spi_in=sa.spi_in,
                spi_out=sa.spi_out,
                policy_id=sa.policy_id,
                local=sa.transport.local,
                remote=sa.transport.remote,
                remote_port=sa.transport.remote_port,
                udp=sa.transport.encapsulation is Encapsulation.UDP,
                cipher=sa.cipher.name,
                integrity=sa.integrity.name if sa.integrity else None,
                encryption_in=sa.keys_in.encryption.reveal(),
                integrity_in=sa.keys_in.integrity.reveal(),
                encryption_out=sa.keys_out.encryption.reveal(),
                integrity_out=sa.keys_out.integrity.reveal(),
                esn=sa.esn,
                local_selectors=_selectors(sa.local),
                remote_selectors=_selectors(sa.remote),
                replay_window=sa.replay_window,
                byte_soft_limit=sa.byte_soft_limit,
                byte_limit=sa.byte_limit,
                outbound_standby=sa.outbound_standby,
            )

    def activate_sa(self, spi_in: int) -> None:
        with _refusals():
            self._engine.activate_sa(spi_in)

    def move_sa(self, spi_in: int, remote: IPAddress, remote_port: int) -> None:
        with _refusals():
            self._engine.move_sa(spi_in, remote, remote_port)

    def remove_sa(self, spi_in: int) -> None:
        with _refusals():
            self._engine.remove_sa(spi_in)

    def acquire_failed(self, policy_id: int) -> None:
        self._engine.acquire_failed(policy_id)

    def send_ike(
        self, local: IPAddress, remote: IPAddress, remote_port: int, payload: bytes
    ) -> None:
        with _refusals():
            self._engine.send_ike(local, remote, remote_port, payload)

    def send_keepalive(self, local: IPAddress, remote: IPAddress, remote_port: int) -> None:
        with _refusals():
            self._engine.send_keepalive(local, remote, remote_port)

    def event_fd(self) -> int:
        return self._engine.event_fd()

    def poll_events(self) -> Sequence[Event]:
        """What happened since the last call.

        Raises ``DataPlaneError`` once when a packet thread has ended, and with it all: by a defect,
        or because somebody removed the TUN device.
        """
        with _refusals():
            return [_event(event) for event in self._engine.poll_events()]

    def counters(self) -> Mapping[str, int]:
        dropped = system_drops.read(self._engine.interface)
        return {**self._engine.counters(), **dropped}

    def sa_counters(self) -> Sequence[SaCounters]:
        return [
            SaCounters(
                spi_in=c.spi_in,
                packets_in=c.packets_in,
                bytes_in=c.bytes_in,
                packets_out=c.packets_out,
                bytes_out=c.bytes_out,
                last_in=c.last_in,
                last_out=c.last_out,
                outbound_active=c.outbound_active,
                sequence_out=c.sequence_out,
            )
            for c in self._engine.sa_counters()
        ]

    def state(self) -> DataPlaneState:
        paths = [fast_path(*each) for each in self._engine.fast_paths()]
        return DataPlaneState("engine", self._engine.interface, self._engine.features(), paths)

    def _clear_once(self) -> None:
        clear, self._clear_others = self._clear_others, None
        if clear is not None:
            clear()


def counter_meanings() -> Mapping[str, str]:
    """A sentence on each counter of the engine, by name, in the order of a packet's way."""
    return {**dict(_engine.Engine.counter_meanings()), **system_drops.MEANINGS}


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except _engine.EngineError as error:
        raise DataPlaneError(str(error)) from None


def _selectors(selectors: Sequence[TrafficSelector]) -> list[_Selector]:
    return [(s.first, s.last, s.protocol, s.first_port, s.last_port) for s in selectors]


def _event(
    event: _engine.Acquire
    | _engine.SaExpiring
    | _engine.PeerMoved
    | _engine.FastPathLost
    | _engine.IkeDatagram,
) -> Event:
    match event:
        case _engine.Acquire():
            return Acquire(
                event.policy_id,
                event.source,
                event.destination,
                event.protocol,
                event.source_port,
                event.destination_port,
            )
        case _engine.SaExpiring():
            return SaExpiring(event.spi_in, event.hard, event.reason)
        case _engine.FastPathLost():
            return FastPathLost(fast_path(event.name, event.place, event.state, event.why))
        case _engine.PeerMoved():
            return PeerMoved(event.spi_in, event.remote, event.remote_port)
        case _engine.IkeDatagram():
            return IkeDatagram(
                event.local, event.local_port, event.remote, event.remote_port, event.payload
            )
