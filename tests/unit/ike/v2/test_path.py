"""What a NAT changes."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from gatewright.ike.machine import Address
from gatewright.ike.v2.path import Path
from gatewright.ipsec.association import Encapsulation, Transport

LOCAL, REMOTE = ip_address("203.0.113.1"), ip_address("203.0.113.2")
PATH = Path(Address(LOCAL, 500), Address(REMOTE, 500))


def via(*, local: bool = False, remote: bool = False, forced: bool = False) -> Path:
    return Path(PATH.local, PATH.remote, local, remote, forced)


@pytest.mark.parametrize(
    ("path", "encapsulated", "nat", "follows"),
    [
        (via(), False, "none", False),
        (via(local=True), True, "local", False),
        (via(remote=True), True, "remote", True),
        (via(local=True, remote=True), True, "both", False),
        (via(forced=True), True, "none", False),
    ],
)
def test_what_follows_from_a_nat(path: Path, encapsulated: bool, nat: str, follows: bool) -> None:
    assert (path.encapsulated, path.nat, path.follows_peer) == (encapsulated, nat, follows)


def test_both_ports_move_to_4500_once() -> None:
    moved = via(remote=True).moved_to_nat_t()
    assert (moved.local.port, moved.remote.port) == (4500, 4500)
    mapped = Path(Address(LOCAL, 4500), Address(REMOTE, 30_001))
    assert mapped.moved_to_nat_t() == mapped


def test_the_transport_of_esp() -> None:
    assert PATH.transport() == Transport(LOCAL, REMOTE, Encapsulation.PROTOCOL_50)
    natted = Path(Address(LOCAL, 4500), Address(REMOTE, 30_001), nat_remote=True)
    assert natted.transport() == Transport(LOCAL, REMOTE, Encapsulation.UDP, 4500, 30_001)
