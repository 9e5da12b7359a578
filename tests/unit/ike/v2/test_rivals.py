"""Of two IKE SAs for one tunnel, both sides choose the same one."""

from __future__ import annotations

from dataclasses import replace

from gatewright.ike.v2.children import ChildState
from gatewright.ike.v2.rivals import carried_elsewhere, superfluous
from gatewright.ike.v2.sa import IkeSa
from gatewright.ike.v2.session import IkeSession
from gatewright.ike.v2.tasks.liveness import CheckLiveness
from gatewright.ipsec.selectors import IPAddress
from tests.support.gateways import selector
from tests.unit.ike.v2.linked import NOW, established
from tests.unit.ike.v2.test_children import entry


def two(*, name: str = "branch") -> tuple[IkeSa, IkeSa]:
    """Two IKE SAs of A that know of each other; the second one has the higher SPIs."""
    first, second = established()[0], established()[0]
    second.spi_i, second.spi_r = b"x" * 8, b"y" * 8
    second.connection = replace(second.connection, name=name)
    sessions = [IkeSession(first), IkeSession(second)]

    def between(local: IPAddress, remote: IPAddress) -> list[IkeSession]:
        del local, remote
        return sessions

    for sa in (first, second):
        sa.context = replace(sa.context, sessions_between=between)
    return first, second


def test_the_one_with_the_higher_spis_stays() -> None:
    first, second = two()
    assert superfluous(first)
    assert not superfluous(second)


def test_each_side_ranks_them_alike_whoever_was_the_initiator() -> None:
    first, second = two()
    first.spi_i, first.spi_r = first.spi_r, first.spi_i
    assert superfluous(first)
    assert not superfluous(second)


def test_another_tunnel_is_no_rival() -> None:
    first, _ = two(name="other")
    assert not superfluous(first)


def test_one_with_children_or_work_to_do_is_needed() -> None:
    first, _ = two()
    first.agenda.add(CheckLiveness())
    assert not superfluous(first)
    first.agenda.clear()
    first.children.install(entry(), initiator=True, replaces=None)
    assert not superfluous(first)


def test_a_child_that_a_rival_has_too_is_carried_elsewhere() -> None:
    first, second = two()
    ours, theirs = entry(), entry(0x1002, 0x2002)
    assert not carried_elsewhere(first, ours, NOW)
    second.children.install(theirs, initiator=True, replaces=None)
    assert carried_elsewhere(first, ours, NOW)
    assert not carried_elsewhere(second, theirs, NOW)
    theirs.state = ChildState.DELETING
    assert not carried_elsewhere(first, ours, NOW)


def test_what_was_narrowed_is_kept() -> None:
    first, second = two()
    second.children.install(entry(0x1002, 0x2002), initiator=True, replaces=None)
    ours = entry()
    ours.sa = replace(ours.sa, local=(selector("192.168.10.0/25"),))
    assert not carried_elsewhere(first, ours, NOW)
