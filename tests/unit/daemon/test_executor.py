from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest

from gatewright.audit.event import Event, Kind
from gatewright.audit.keylog import KeyLogError
from gatewright.audit.trail import Trail
from gatewright.daemon.executor import Executor
from gatewright.dataplane.memory import MemoryDataPlane
from gatewright.ike.machine import Address, Datagram
from gatewright.ike.outputs import (
    ActivateChildSa,
    DeleteChildSa,
    InstallChildSa,
    KeysDerived,
    MessageDropped,
    Output,
    SendNatKeepalive,
    Transmit,
    UpdateTransport,
)
from gatewright.ipsec.association import ChildSa
from gatewright.ipsec.secret import Secret
from tests.unit.daemon.doubles import OURS, THEIRS, FakeSockets, child_sa, failure

PLAIN = Datagram(Address(OURS, 500), Address(THEIRS, 500), b"ike")
NAT_T = Datagram(Address(OURS, 4500), Address(THEIRS, 4501), b"ike")


class Keys:
    def __init__(self) -> None:
        self.seen: list[object] = []
        self.refuse = False

    def record_ike_sa(self, keys: KeysDerived) -> None:
        if self.refuse:
            raise KeyLogError("cannot write keys")
        self.seen.append(keys)

    def record_child_sa(self, sa: ChildSa) -> None:
        self.seen.append(sa)


class Rig:
    def __init__(self) -> None:
        self.plane = MemoryDataPlane()
        self.sockets = FakeSockets()
        self.trail = Trail(lambda: 0.0)
        self.keys = Keys()
        self.executor = Executor(self.plane, self.sockets.send, self.trail, self.keys)

    def kinds(self) -> list[Kind]:
        return [each.event.kind for each in self.trail.newest(10)]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_port_500_goes_by_the_socket_and_port_4500_by_the_data_plane(rig: Rig) -> None:
    carried: list[tuple[object, ...]] = []
    rig.plane.carrier = lambda *all_of_it: carried.append(all_of_it)
    rig.executor.execute(Transmit(PLAIN))
    rig.executor.execute(Transmit(NAT_T))
    assert rig.sockets.sent == [PLAIN]
    assert carried == [(OURS, THEIRS, 4501, b"ike")]
    assert rig.executor.counters["ike_sent"] == 2


def test_a_message_that_cannot_be_sent_is_an_event_and_no_error(rig: Rig) -> None:
    rig.sockets.refuse = "Operation not permitted"
    rig.plane.refuse["send_ike"] = "the device is gone"
    rig.executor.execute(Transmit(PLAIN))
    rig.executor.execute(Transmit(NAT_T))
    assert rig.executor.counters["ike_send_failed"] == 2
    assert "could not be sent: Operation not permitted" in rig.trail.newest(2)[0].event.text


def test_sas_are_installed_activated_moved_and_removed(rig: Rig) -> None:
    standby = child_sa()
    rig.executor.execute(InstallChildSa(standby))
    assert rig.plane.sas == {standby.spi_in: standby}
    rig.executor.execute(ActivateChildSa(standby.spi_in))
    rig.executor.execute(UpdateTransport(standby.spi_in, "192.0.2.9", 4077))
    assert rig.plane.moved == {standby.spi_in: (ip_address("192.0.2.9"), 4077)}
    rig.executor.execute(DeleteChildSa(standby.spi_in, "deleted"))
    assert rig.plane.sas == {}
    assert rig.keys.seen == [standby]


def test_keepalives_go_by_the_data_plane(rig: Rig) -> None:
    rig.executor.execute(SendNatKeepalive(NAT_T))
    assert rig.plane.keepalives == [(OURS, THEIRS, 4501)]


def test_a_failed_negotiation_gives_up_the_packets_that_wait(rig: Rig) -> None:
    rig.executor.execute(failure(policy_ids=(4, 5)))
    assert rig.plane.given_up == [4, 5]
    assert rig.kinds() == [Kind.NEGOTIATION_FAILED]


def test_an_sa_that_the_data_plane_refuses_is_reported_back(rig: Rig) -> None:
    rig.plane.refuse["add_sa"] = "no such cipher"
    rig.executor.execute(InstallChildSa(child_sa()))
    assert rig.executor.take_not_installed() == [0x1001]
    assert rig.executor.take_not_installed() == []
    assert rig.trail.newest(1)[0].event.text.endswith("no such cipher")
    assert rig.kinds() == [Kind.DATA_PLANE_FAILED]


def test_keys_are_exported_and_a_full_disk_is_an_event(rig: Rig) -> None:
    secret = Secret(b"x")
    keys = KeysDerived("t", 2, "1", "2", "c", "i", secret, secret, secret, secret)
    rig.executor.execute(keys)
    assert rig.keys.seen == [keys]
    rig.keys.refuse = True
    rig.executor.execute(keys)
    assert rig.kinds() == [Kind.HOST_NOTICE]


def test_observers_hear_outputs_with_their_event_until_they_stop(rig: Rig) -> None:
    heard: list[tuple[Output, Event | None]] = []
    stop: Callable[[], None] = rig.executor.observe(lambda *both: heard.append(both))
    dropped = MessageDropped("bad_length", "192.0.2.1:500")
    rig.executor.execute(dropped)
    rig.executor.execute(Transmit(PLAIN))
    stop()
    rig.executor.execute(dropped)
    assert [output for output, _ in heard] == [dropped, Transmit(PLAIN)]
    assert heard[0][1] is not None
    assert heard[1][1] is None
