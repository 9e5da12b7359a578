"""Child SAs: what the data plane is told, and when."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from gatewright.ike.machine import Address
from gatewright.ike.outputs import (
    ActivateChildSa,
    ChildSaClosed,
    DeleteChildSa,
    InstallChildSa,
    Output,
    UpdateTransport,
)
from gatewright.ike.v2.children import (
    ChildEntry,
    Children,
    ChildState,
    has_expired,
    lesser,
    needs_rekey,
)
from gatewright.ike.v2.path import Path
from gatewright.ipsec.association import ChildSa, SaKeys
from gatewright.ipsec.secret import Secret
from tests.support.gateways import ESP_DEFAULT, IP_A, IP_B, NET_A, NET_B, child, selector
from tests.unit.ike.v2.linked import kinds

PATH = Path(Address(IP_A, 500), Address(IP_B, 500))
KEYS = SaKeys(Secret(b"k" * 20), Secret(b""))


def entry(
    spi_in: int = 0x1001,
    spi_out: int = 0x2001,
    *,
    standby: bool = False,
    rekey_at: float | None = 900.0,
    expire_at: float = 1000.0,
) -> ChildEntry:
    sa = ChildSa(
        spi_in=spi_in,
        spi_out=spi_out,
        policy_id=1,
        tunnel="branch",
        child="net",
        transport=PATH.transport(),
        cipher=ESP_DEFAULT.cipher,
        integrity=None,
        keys_in=KEYS,
        keys_out=KEYS,
        esn=False,
        local=(NET_A,),
        remote=(NET_B,),
        outbound_standby=standby,
    )
    return ChildEntry(sa, child(), ESP_DEFAULT, 0.0, rekey_at, expire_at)


def table(*entries: ChildEntry) -> tuple[Children, list[Output]]:
    outputs: list[Output] = []
    children = Children(outputs)
    for each in entries:
        children.install(each, initiator=True, replaces=None)
    outputs.clear()
    return children, outputs


def test_installing_is_told_and_the_pair_is_found_by_either_spi() -> None:
    outputs: list[Output] = []
    children, one = Children(outputs), entry()
    children.install(one, initiator=False, replaces=7)
    assert outputs[0] == InstallChildSa(one.sa, 7)
    assert kinds(outputs) == ["InstallChildSa", "ChildSaEstablished"]
    assert children.get(0x1001) is one
    assert children.by_outbound(0x2001) is one
    assert children.by_outbound(0x1001) is None


def test_a_pair_that_is_deleted_goes_at_once() -> None:
    one = entry()
    children, outputs = table(one)
    children.deleted(one, 10.0, "deleted by the peer", 5.0)
    assert outputs == [
        ChildSaClosed("branch", "net", 0x1001, 0x2001, "deleted by the peer"),
        DeleteChildSa(0x1001, "deleted by the peer"),
    ]
    assert len(children) == 0


def test_a_pair_that_was_replaced_lingers_inbound_and_the_new_one_is_activated() -> None:
    old, new = entry(), entry(0x1002, 0x2002, standby=True)
    children, outputs = table(old, new)
    children.replaced(old, new.spi_in)
    assert children.by_outbound(0x2001) is old
    children.deleted(old, 10.0, "rekeyed", 5.0)
    assert kinds(outputs) == ["ChildSaClosed", "ActivateChildSa"]
    assert outputs[1] == ActivateChildSa(0x1002)
    assert children.by_outbound(0x2001) is None  # the peer does not have it any more
    assert children.next_timeout() == 15.0

    assert children.due(14.9) == []
    children.remove_lingering([old, new], 14.9)
    assert len(children) == 2
    assert children.due(15.0) == [old]
    children.remove_lingering([old], 15.0)
    assert outputs[-1] == DeleteChildSa(0x1001, "rekeyed")
    assert len(children) == 1


def test_a_redundant_pair_is_never_activated() -> None:
    one = entry(standby=True)
    one.state = ChildState.REDUNDANT
    children, outputs = table(one)
    children.activate(one.spi_in)
    assert outputs == []


def test_when_the_ike_sa_goes_everything_goes() -> None:
    old, new = entry(), entry(0x1002, 0x2002)
    children, outputs = table(old, new)
    children.replaced(old, new.spi_in)
    children.deleted(old, 10.0, "rekeyed", 5.0)
    outputs.clear()
    children.remove_all("the peer is silent")
    assert kinds(outputs) == ["DeleteChildSa", "ChildSaClosed", "DeleteChildSa"]
    assert len(children) == 0


def test_the_heir_gets_every_pair() -> None:
    children, outputs = table(entry(), entry(0x1002, 0x2002))
    heir, _ = table()
    children.give_to(heir)
    assert (len(children), len(heir)) == (0, 2)
    assert outputs == []


def test_a_peer_that_moved_moves_every_pair() -> None:
    children, outputs = table(entry(), entry(0x1002, 0x2002))
    children.move(PATH.with_remote(Address(ip_address("198.51.100.7"), 30_001)))
    assert outputs == [
        UpdateTransport(0x1001, "198.51.100.7", 30_001),
        UpdateTransport(0x1002, "198.51.100.7", 30_001),
    ]


def test_what_serves_a_packet() -> None:
    one = entry()
    children, _ = table(one)
    inside = (selector("192.168.10.1/32", 6), selector("10.20.0.1/32", 6))
    outside = (selector("192.168.10.1/32"), selector("10.99.0.1/32"))
    assert children.serving(child(), None) is one
    assert children.serving(child(), inside) is one
    assert children.serving(child(), outside) is None
    assert children.serving(replace(child(), policy_id=2), None) is None
    for state in (ChildState.REPLACED, ChildState.REDUNDANT, ChildState.DELETING):
        one.state = state
        assert children.serving(child(), None) is None


def test_the_time_to_rekey_and_the_time_to_go() -> None:
    one = entry(rekey_at=900.0, expire_at=1000.0)
    children, _ = table(one)
    assert children.next_timeout() == 900.0
    assert (children.due(899.0), children.due(900.0)) == ([], [one])
    assert (needs_rekey(one, 899.0), needs_rekey(one, 900.0)) == (False, True)
    assert not needs_rekey(one, 1000.0)
    assert (has_expired(one, 999.0), has_expired(one, 1000.0)) == (False, True)
    one.state = ChildState.REKEYING
    assert not needs_rekey(one, 900.0)
    assert (children.due(900.0), children.next_timeout()) == ([], 1000.0)


def test_of_twins_both_sides_choose_the_same_one() -> None:
    first, second = entry(0x1001, 0x2002), entry(0x1002, 0x2001)
    children, _ = table(first, second)
    assert (children.twin(first), children.twin(second)) == (second, first)
    assert lesser(first, second) is lesser(second, first) is first
    at_peer = entry(0x2002, 0x1001), entry(0x2001, 0x1002)
    assert lesser(*at_peer) is at_peer[0]
    second.state = ChildState.REPLACED
    assert children.twin(first) is None


def test_a_snapshot_tells_state_and_times() -> None:
    one = entry()
    children, _ = table(one)
    (snapshot,) = children.snapshot(100.0)
    assert (snapshot.algorithms, snapshot.encapsulation) == ("aes-128-gcm", "esp")
    assert (snapshot.state, snapshot.age) == ("installed", 100.0)
    assert (snapshot.rekey_in, snapshot.expires_in) == (800.0, 900.0)


def test_of_many_pairs_those_alone_are_looked_at_whose_time_has_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many = [entry(0x1000 + n, 0x2000 + n, rekey_at=900.0 + n) for n in range(200)]
    children, _ = table(*many)
    assert children.next_timeout() == 900.0
    asked = []
    next_timeout = ChildEntry.next_timeout

    def counting(one: ChildEntry) -> float | None:
        asked.append(one)
        return next_timeout(one)

    monkeypatch.setattr(ChildEntry, "next_timeout", counting)
    assert children.due(901.0) == many[:2]
    many[7].rekey_at = 5.0
    assert children.next_timeout() == 5.0
    assert sorted(one.spi_in for one in asked) == [0x1000, 0x1001, 0x1007]


def test_an_heir_finds_what_it_inherits() -> None:
    one = entry()
    children, _ = table(one)
    heir = Children([])
    children.give_to(heir)
    assert (len(children), children.next_timeout(), children.of_policy(1)) == (0, None, [])
    assert heir.by_outbound(0x2001) is one
    assert (heir.next_timeout(), heir.of_policy(1)) == (900.0, [one])
    one.rekey_at = 800.0
    assert (children.next_timeout(), heir.next_timeout()) == (None, 800.0)


def test_of_many_children_only_those_that_changed_are_asked_for_their_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entries = [entry(0x1000 + n, 0x2000 + n, rekey_at=900.0 + n) for n in range(500)]
    children, _ = table(*entries)
    assert children.next_timeout() == 900.0
    asked: list[int] = []
    times = ChildEntry.next_timeout

    def counting(self: ChildEntry) -> float | None:
        asked.append(self.spi_in)
        return times(self)

    monkeypatch.setattr(ChildEntry, "next_timeout", counting)
    entries[0].rekey_at = None
    entries[7].state = ChildState.REKEYING
    assert children.next_timeout() == 901.0
    assert children.due(902.0) == entries[1:3]
    assert asked == [0x1000, 0x1007]


def test_a_pair_is_found_by_its_policy_also_when_that_gets_another_number() -> None:
    one = entry()
    children, _ = table(one)
    assert children.of_policy(1) == [one]
    one.child = child(policy_id=2)
    assert (children.of_policy(1), children.of_policy(2)) == ([], [one])
    heir = Children([])
    children.give_to(heir)
    assert (children.of_policy(2), heir.of_policy(2)) == ([], [one])
    one.rekey_at = 5.0
    assert (children.next_timeout(), heir.next_timeout()) == (None, 5.0)
