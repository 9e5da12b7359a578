"""Hashes of addresses (RFC 7296 section 2.23)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from gatewright.ike.machine import Address
from gatewright.ike.v2.errors import Unfit
from gatewright.ike.v2.sa import IkeSa
from gatewright.ike.v2.tasks.natd import detect, notifies
from gatewright.policy.compiled import NatTraversal
from tests.support.gateways import connection, mirrored
from tests.unit.ike.v2.linked import blank

OUTSIDE = ip_address("198.51.100.7")


def sides(
    at_a: NatTraversal = NatTraversal.AUTO, at_b: NatTraversal = NatTraversal.AUTO
) -> tuple[IkeSa, IkeSa]:
    ours = replace(connection(), nat_traversal=at_a)
    theirs = replace(mirrored(connection()), nat_traversal=at_b)
    return blank(ours, is_initiator=True), blank(theirs, is_initiator=False)


def test_without_a_nat_nothing_is_found() -> None:
    a, b = sides()
    assert detect(b, b.spi_r, notifies(a)) == b.path


def test_the_sender_is_behind_a_nat() -> None:
    a, b = sides()
    b.path = b.path.with_remote(Address(OUTSIDE, 30_000))
    path = detect(b, b.spi_r, notifies(a))
    assert (path.nat_remote, path.nat_local) == (True, False)


def test_the_receiver_is_behind_a_nat() -> None:
    a, b = sides()
    a.path = a.path.with_remote(Address(OUTSIDE, 500))
    path = detect(b, b.spi_r, notifies(a))
    assert (path.nat_remote, path.nat_local) == (False, True)


def test_the_port_counts_too() -> None:
    a, b = sides()
    b.path = b.path.with_remote(Address(b.path.remote.ip, 501))
    assert detect(b, b.spi_r, notifies(a)).nat_remote


def test_the_hash_of_a_response_has_the_responder_s_spi() -> None:
    a, b = sides()
    b.spi_r = b"responde"
    assert detect(a, b"responde", notifies(b)) == a.path
    assert detect(a, a.spi_r, notifies(b)).nat_remote


def test_forced_encapsulation_lets_the_peer_find_a_nat_here() -> None:
    a, b = sides(at_a=NatTraversal.FORCE)
    assert detect(b, b.spi_r, notifies(a)).nat_remote
    path = detect(a, a.spi_r, notifies(b))
    assert (path.forced, path.encapsulated, path.nat) == (True, True, "none")


def test_a_peer_that_cannot_is_no_peer_for_forced_encapsulation() -> None:
    a, b = sides(at_a=NatTraversal.FORCE, at_b=NatTraversal.OFF)
    assert notifies(b) == []
    with pytest.raises(Unfit):
        detect(a, a.spi_r, notifies(b))
    relaxed, _ = sides()
    assert detect(relaxed, relaxed.spi_r, []) == relaxed.path


def test_switched_off_nothing_is_looked_at() -> None:
    a, b = sides(at_b=NatTraversal.OFF)
    b.path = b.path.with_remote(Address(OUTSIDE, 30_000))
    assert detect(b, b.spi_r, notifies(a)) == b.path
