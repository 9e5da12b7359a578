"""The double does what an engine would, as far as the daemon can see."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from gatewright.dataplane.interface import Acquire, DataPlaneError, IkeDatagram, SaExpiring
from gatewright.dataplane.memory import MemoryDataPlane
from gatewright.policy.compiled import Action
from tests.support.policies import entry, selector
from tests.unit.daemon.doubles import OURS, THEIRS, child_sa

A, B = "192.168.10.0/24", "10.20.0.0/24"
HERE, THERE = ip_address("192.168.10.2"), ip_address("10.20.0.2")


@pytest.fixture
def plane() -> Iterator[MemoryDataPlane]:
    made = MemoryDataPlane()
    made.replace_policies([entry(1, A, B)])
    yield made
    made.close(remove=True)


def readable(plane: MemoryDataPlane) -> bool:
    return bool(select.select([plane.event_fd()], [], [], 0)[0])


def test_events_are_announced_and_given_once(plane: MemoryDataPlane) -> None:
    assert not readable(plane)
    assert list(plane.poll_events()) == []
    plane.event(SaExpiring(1, False, "bytes"))
    plane.deliver(OURS, THEIRS, 4501, b"m")
    assert readable(plane)
    assert list(plane.poll_events()) == [
        SaExpiring(1, False, "bytes"),
        IkeDatagram(OURS, 4500, THEIRS, 4501, b"m"),
    ]
    assert not readable(plane)
    assert list(plane.poll_events()) == []


def test_a_packet_acquires_once_until_it_is_answered_or_given_up(plane: MemoryDataPlane) -> None:
    wanted = Acquire(1, HERE, THERE, 6, 1025, 80)
    for _ in range(2):
        assert plane.packet(HERE, THERE, 6, 1025, 80) == "queued"
    assert list(plane.poll_events()) == [wanted]
    plane.acquire_failed(1)
    assert plane.packet(HERE, THERE, 6, 1025, 80) == "queued"
    assert list(plane.poll_events()) == [wanted]
    assert plane.given_up == [1]
    plane.add_sa(child_sa())
    assert plane.packet(HERE, THERE) == "protected"
    plane.remove_sa(0x1001)
    plane.remove_sa(0x1001)
    assert plane.packet(HERE, THERE) == "queued"


def test_the_first_entry_that_selects_a_packet_decides(plane: MemoryDataPlane) -> None:
    host = selector("10.20.0.7/32")
    plane.replace_policies(
        [
            entry(1, selector(A), host, Action.BYPASS),
            entry(2, selector(A), selector("10.20.0.8/32"), Action.DISCARD),
            entry(3, A, B),
        ]
    )
    assert plane.packet(HERE, ip_address("10.20.0.7")) == "bypassed"
    assert plane.packet(HERE, ip_address("10.20.0.8")) == "discarded"
    assert plane.packet(HERE, ip_address("10.20.0.9")) == "queued"
    assert plane.packet(THERE, HERE) == "discarded"


def test_an_sa_on_standby_is_not_sent_on(plane: MemoryDataPlane) -> None:
    plane.activate_sa(0x1001)  # one that is not there yet
    plane.add_sa(replace(child_sa(), outbound_standby=True))
    assert [each.outbound_active for each in plane.sa_counters()] == [False]
    assert plane.packet(HERE, THERE) == "queued"
    plane.activate_sa(0x1001)
    assert [each.outbound_active for each in plane.sa_counters()] == [True]
    assert plane.packet(HERE, THERE) == "protected"


def test_ike_goes_to_the_carrier(plane: MemoryDataPlane) -> None:
    plane.send_ike(OURS, THEIRS, 4500, b"into nothing")
    carried: list[tuple[object, ...]] = []
    plane.carrier = lambda *message: carried.append(message)
    plane.send_ike(OURS, THEIRS, 4501, b"m")
    assert carried == [(OURS, THEIRS, 4501, b"m")]


def test_what_is_to_be_refused_is_refused_and_changes_nothing(plane: MemoryDataPlane) -> None:
    plane.refuse = {"add_sa": "no memory", "open": "no TUN", "replace_policies": "too many"}
    with pytest.raises(DataPlaneError, match="no memory"):
        plane.add_sa(child_sa())
    with pytest.raises(DataPlaneError, match="no TUN"):
        plane.open([OURS])
    with pytest.raises(DataPlaneError, match="too many"):
        plane.replace_policies([])
    assert (plane.sas, plane.is_open, len(plane.policies)) == ({}, False, 1)


@pytest.mark.parametrize("remove", [False, True])
def test_the_device_stays_unless_it_is_to_be_removed(remove: bool) -> None:
    plane = MemoryDataPlane()
    plane.open([OURS])
    descriptor = plane.event_fd()
    plane.close(remove=remove)
    assert (plane.is_open, plane.device) == (False, not remove)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
