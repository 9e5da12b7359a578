"""Carries out what IKE asks for: one output, one call.  The only way from IKE to the world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from typing import Protocol

from gatewright.audit.event import Event, Kind, Severity
from gatewright.audit.keylog import KeyLogError
from gatewright.audit.trail import Trail
from gatewright.daemon.wording import event_for
from gatewright.dataplane.interface import DataPlane, DataPlaneError
from gatewright.ike.machine import NAT_T_PORT, Datagram
from gatewright.ike.outputs import (
    ActivateChildSa,
    DeleteChildSa,
    InstallChildSa,
    KeysDerived,
    NegotiationFailed,
    Output,
    SendNatKeepalive,
    Transmit,
    UpdateTransport,
)
from gatewright.ipsec.association import ChildSa

Send = Callable[[Datagram], None]
Observer = Callable[[Output, Event | None], None]


class KeyExport(Protocol):
    """Writes keys for a protocol analyser; raises KeyLogError."""

    def record_ike_sa(self, keys: KeysDerived) -> None: ...

    def record_child_sa(self, sa: ChildSa) -> None: ...


class Executor:
    """``send`` takes datagrams of port 500 and raises OSError; those of port 4500 go to the data
    plane.  Observers hear every output, with its audit event if it is one."""

    def __init__(
        self, dataplane: DataPlane, send: Send, trail: Trail, key_export: KeyExport | None = None
    ) -> None:
        self.dataplane = dataplane
        self.counters: Counter[str] = Counter()
        self._send = send
        self._trail = trail
        self._key_export = key_export
        self._observers: list[Observer] = []
        self._not_installed: list[int] = []

    def execute(self, output: Output) -> None:
        """Carry out one output.  Raises nothing: a refusal of the system becomes an event."""
        try:
            self._command(output)
        except DataPlaneError as error:
            self._data_plane_failed(output, str(error))
        event = event_for(output)
        if event is not None:
            self._trail.add(event)
        for observer in tuple(self._observers):
            observer(output, event)

    def take_not_installed(self) -> list[int]:
        """Inbound SPIs of SAs that the data plane refused since the last call."""
        refused, self._not_installed = self._not_installed, []
        return refused

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call for each output from now on; the result ends that."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def _command(self, output: Output) -> None:
        match output:
            case Transmit(datagram):
                self._transmit(datagram)
            case SendNatKeepalive(datagram):
                ends = (datagram.local.ip, datagram.remote.ip, datagram.remote.port)
                self.dataplane.send_keepalive(*ends)
            case InstallChildSa(sa):
                self.dataplane.add_sa(sa)
                self._export_child(sa)
            case ActivateChildSa(spi_in):
                self.dataplane.activate_sa(spi_in)
            case UpdateTransport(spi_in, remote, port):
                self.dataplane.move_sa(spi_in, ip_address(remote), port)
            case DeleteChildSa(spi_in):
                self.dataplane.remove_sa(spi_in)
            case NegotiationFailed():
                for policy_id in output.policy_ids:
                    self.dataplane.acquire_failed(policy_id)
            case KeysDerived():
                self._export_ike(output)
            case _:
                pass  # news: the trail has it

    def _transmit(self, datagram: Datagram) -> None:
        try:
            if datagram.local.port == NAT_T_PORT:
                remote = datagram.remote
                self.dataplane.send_ike(datagram.local.ip, remote.ip, remote.port, datagram.payload)
            else:
                self._send(datagram)
            self.counters["ike_sent"] += 1
        except (OSError, DataPlaneError) as error:
            # Not fatal: IKE sends again.  The administrator should know why nothing comes of it.
            self.counters["ike_send_failed"] += 1
            reason = getattr(error, "strerror", None) or str(error)
            self._trail.add(
                Event(
                    Kind.SEND_FAILED,
                    Severity.WARNING,
                    f"A message to {datagram.remote} could not be sent: {reason}.",
                )
            )

    def _data_plane_failed(self, output: Output, reason: str) -> None:
        self.counters["data_plane_refused"] += 1
        tunnel = child = ""
        if isinstance(output, InstallChildSa):
            tunnel, child = output.sa.tunnel, output.sa.child
            self._not_installed.append(output.sa.spi_in)
        self._trail.add(
            Event(
                Kind.DATA_PLANE_FAILED,
                Severity.ERROR,
                f"The data plane refused {type(output).__name__}: {reason}",
                tunnel,
                child,
            )
        )

    def _export_child(self, sa: ChildSa) -> None:
        if self._key_export is not None:
            self._exported(lambda export: export.record_child_sa(sa))

    def _export_ike(self, keys: KeysDerived) -> None:
        if self._key_export is not None:
            self._exported(lambda export: export.record_ike_sa(keys))

    def _exported(self, write: Callable[[KeyExport], None]) -> None:
        assert self._key_export is not None
        try:
            write(self._key_export)
        except KeyLogError as error:
            text = f"Keys are not exported: {error}."
            self._trail.add(Event(Kind.HOST_NOTICE, Severity.WARNING, text))
