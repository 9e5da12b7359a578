"""Renewal of quick mode SAs and of main mode, and what both leave undisturbed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatewright.iana.ikev1 import ExchangeType
from gatewright.ike.machine import Timing
from gatewright.ike.outputs import (
    ActivateChildSa,
    ChildSaClosed,
    ChildSaEstablished,
    DeleteChildSa,
    IkeSaClosed,
    IkeSaEstablished,
    InstallChildSa,
    Transmit,
)
from gatewright.ike.v1 import quick_modes
from gatewright.ike.v1.keeper import Keeper
from gatewright.ike.v1.quick_modes import MAX_PAIRS
from gatewright.policy.compiled import PresharedKey
from gatewright.wire.isakmp import Header
from tests.support.figures_v1 import figure, text
from tests.support.gateways import POLICY, Keys, Pair, child, esp, mirrored, pair, selector
from tests.support.gateways_v1 import ESP_V1, WINDOWS_2003, bring_up, tunnel
from tests.support.sim import Packet


def always_connected(gateways: Pair, seconds: float, step: float = 1.0) -> None:
    for _ in range(int(seconds / step)):
        gateways.network.run(step)
        assert gateways.connected(), f"a gap at {gateways.network.now}"


def test_a_quick_mode_sa_is_renewed_before_its_end_without_a_gap() -> None:
    gateways = pair(tunnel(child(esp("aes-128-gcm", seconds=600))))
    bring_up(gateways)
    always_connected(gateways, 3000)
    for host in gateways.hosts():
        assert 5 <= len(host.told(InstallChildSa)) <= 7
        assert len(host.sad.pairs) == 1
        assert not host.failures()
        installed = host.told(InstallChildSa)
        replaced = [each.replaces for each in installed]
        assert replaced == [None, *(each.sa.spi_in for each in installed[:-1])]
    assert len(gateways.a.told(IkeSaEstablished)) == 1


def test_the_old_pair_is_kept_for_a_while() -> None:
    gateways = pair(tunnel(child(esp("aes-128-gcm", seconds=600))), timing=Timing(rekey_overlap=5))
    bring_up(gateways)
    gateways.network.run_until(lambda: len(gateways.a.told(ChildSaEstablished)) == 2, 700)
    gateways.network.run(1)
    assert all(len(host.sad.pairs) == 2 for host in gateways.hosts())
    gateways.network.run(5)
    assert all(len(host.sad.pairs) == 1 for host in gateways.hosts())
    closed = gateways.a.told(ChildSaClosed)[0]
    assert closed.reason == "replaced by a newer pair"


def test_the_responder_of_a_renewal_sends_on_it_only_after_message_3() -> None:
    gateways = pair(tunnel(child(esp("aes-128-gcm", seconds=600))))
    bring_up(gateways)
    hold = [True]
    gateways.network.interceptors.append(
        lambda packet: [] if hold[0] and len(packet.payload) < 100 else None  # message 3
    )
    gateways.network.run_until(lambda: len(gateways.b.told(InstallChildSa)) == 2, 700)
    old = gateways.b.told(InstallChildSa)[0].sa
    out = gateways.b.sad.outbound(POLICY)
    assert out is not None
    assert out.spi_in == old.spi_in
    hold[0] = False
    gateways.network.run(10)
    assert len(gateways.b.told(ActivateChildSa)) == 2
    assert gateways.connected()


def test_a_new_pair_is_installed_before_the_peer_can_send_on_it() -> None:
    """A responder may send with message 3, and its packet may follow the message at once."""
    gateways = pair(tunnel(child(esp("aes-128-gcm", seconds=600))))
    bring_up(gateways)
    gateways.network.run_until(lambda: len(gateways.b.told(ActivateChildSa)) == 2, 700)
    for host in gateways.hosts():
        steps = [each for each in host.outputs if isinstance(each, InstallChildSa | Transmit)]
        assert [type(each) for each in steps[-2:]] == [InstallChildSa, Transmit]


def test_a_byte_limit_renews_it_too() -> None:
    gateways = pair(tunnel(child(esp("aes-128-gcm", kilobytes=1000))))
    bring_up(gateways)
    sa = gateways.b.told(InstallChildSa)[0].sa
    gateways.endpoint_b.child_expiring(sa.spi_in, hard=False, now=gateways.network.now)
    gateways.network.run(20)
    assert gateways.connected()
    assert len(gateways.b.told(InstallChildSa)) == 2
    assert [len(host.sad.pairs) for host in gateways.hosts()] == [1, 1]


def test_a_pair_that_is_used_up_is_renewed_at_once_and_receives_a_while() -> None:
    gateways = pair(tunnel())
    bring_up(gateways)
    old = gateways.a.told(InstallChildSa)[0].sa
    gateways.endpoint_a.child_expiring(old.spi_in, hard=True, now=gateways.network.now)
    gateways.network.run(4)
    new = gateways.a.sad.outbound(POLICY)
    assert new is not None
    assert new.spi_in != old.spi_in
    assert old.spi_in in gateways.a.sad.pairs, "packets may be on their way"
    gateways.network.run(3)
    assert [len(host.sad.pairs) for host in gateways.hosts()] == [1, 1]
    assert gateways.connected()


def test_the_successor_of_a_used_up_pair_comes_into_use_as_soon_as_it_can() -> None:
    """Otherwise the initiator's waits half of the overlap, and packets with it."""
    gateways = pair(tunnel())
    bring_up(gateways)
    old = gateways.a.told(InstallChildSa)[0].sa
    gateways.endpoint_a.child_expiring(old.spi_in, hard=False, now=gateways.network.now)
    gateways.network.run(0.3)
    assert gateways.a.sad.outbound(POLICY) == old
    gateways.endpoint_a.child_expiring(old.spi_in, hard=True, now=gateways.network.now)
    gateways.network.run(0.01)
    assert gateways.a.sad.outbound(POLICY) == gateways.a.told(InstallChildSa)[1].sa
    always_connected(gateways, 10)


@pytest.mark.parametrize("seed", range(12))
def test_simultaneous_renewal_leaves_one_pair_on_both_sides(seed: int) -> None:
    gateways = pair(tunnel(), seed=seed)
    bring_up(gateways)
    for host, endpoint in ((gateways.a, gateways.endpoint_a), (gateways.b, gateways.endpoint_b)):
        sa = host.told(InstallChildSa)[0].sa
        endpoint.child_expiring(sa.spi_in, hard=False, now=gateways.network.now)
    always_connected(gateways, 20, step=0.25)
    assert len(gateways.a.told(InstallChildSa)) == 3
    assert [len(host.sad.pairs) for host in gateways.hosts()] == [1, 1]


@pytest.mark.parametrize("seed", range(8))
def test_simultaneous_first_quick_modes_leave_one_pair_on_both_sides(seed: int) -> None:
    gateways = pair(tunnel(), seed=seed)
    now = gateways.network.now
    gateways.endpoint_a.up("branch", now)
    gateways.endpoint_b.up("branch", now)
    gateways.network.run(2)
    assert [len(host.sad.pairs) for host in gateways.hosts()] == [2, 2]
    always_connected(gateways, 10)
    assert [len(host.sad.pairs) for host in gateways.hosts()] == [1, 1]


def test_main_mode_is_renewed_and_its_children_live_on() -> None:
    gateways = pair(tunnel(lifetime=1000), export_keys=True)
    bring_up(gateways)
    always_connected(gateways, 3200)
    for host in gateways.hosts():
        established = host.told(IkeSaEstablished)
        assert 3 <= len(established) <= 5
        assert len(host.told(IkeSaClosed)) == len(established) - 1
        assert len(host.told(InstallChildSa)) == 1
        assert not host.told(DeleteChildSa)
        assert not host.failures()
    assert [each.rekeyed for each in gateways.a.told(IkeSaEstablished)][:3] == [False, True, True]
    for endpoint in (gateways.endpoint_a, gateways.endpoint_b):
        (snapshot,) = endpoint.snapshot(gateways.network.now)
        assert len(snapshot.children) == 1


def test_no_initial_contact_when_there_are_sas() -> None:
    gateways = pair(tunnel(lifetime=1000), export_keys=True)
    bring_up(gateways, seconds=2500)
    lines = [str(line) for line in figure(gateways.network) if line.exchange == "main"]
    assert sum("INITIAL_CONTACT" in line for line in lines) == 1


def test_without_children_main_mode_just_ends() -> None:
    gateways = pair(tunnel(lifetime=1000))
    bring_up(gateways)
    sa = gateways.a.told(InstallChildSa)[0].sa
    gateways.endpoint_a.child_not_installed(sa.spi_in, gateways.network.now)
    gateways.network.run(1100)
    assert len(gateways.a.told(IkeSaEstablished)) == 1
    assert not gateways.endpoint_a.snapshot(0)
    assert not gateways.endpoint_b.snapshot(0)


def test_master_key_perfect_forward_secrecy() -> None:
    """As Windows has it: one quick mode for each main mode."""
    gateways = pair(tunnel(child(esp("aes-128-gcm", seconds=600)), child_limit=1), export_keys=True)
    bring_up(gateways)
    always_connected(gateways, 1500)
    for host in gateways.hosts():
        assert len(host.told(IkeSaEstablished)) == len(host.told(ChildSaEstablished)) >= 3
        assert not host.failures()
    lines = figure(gateways.network)
    quick = [line.sa for line in lines if line.exchange == "quick" and "SA" in str(line)]
    assert len(set(quick)) == len(quick) / 2


def test_master_key_perfect_forward_secrecy_with_several_children() -> None:
    children = [
        child(
            ESP_V1, name=f"n{number}", policy_id=number, local=[selector(f"192.168.{number}.0/24")]
        )
        for number in (1, 2, 3)
    ]
    gateways = pair(tunnel(*children, child_limit=1))
    bring_up(gateways, seconds=30)
    assert all(gateways.connected(number) for number in (1, 2, 3))
    assert len(gateways.a.told(IkeSaEstablished)) == 3


def test_a_peer_that_wants_more_quick_modes_than_allowed_is_told() -> None:
    """A has no such limit; without its main mode SA it begins anew."""
    children = [
        child(
            ESP_V1, name=f"n{number}", policy_id=number, local=[selector(f"192.168.{number}.0/24")]
        )
        for number in (1, 2)
    ]
    gateways = pair(tunnel(*children), mirrored(tunnel(*children, child_limit=1)), export_keys=True)
    bring_up(gateways)
    assert "master key perfect forward secrecy" in gateways.b.failures()[0].explanation
    assert "B -> A  info {HASH N(NO_PROPOSAL_CHOSEN)}" in text(gateways.network)
    assert "B -> A  info {HASH D(ISAKMP)}" in text(gateways.network)
    waiting = next(number for number in (1, 2) if not gateways.connected(number))
    gateways.network.run(10)
    gateways.endpoint_a.acquire(waiting, None, gateways.network.now)
    gateways.network.run(5)
    assert gateways.connected(1)
    assert gateways.connected(2)


def test_a_restarted_peer_clears_what_was() -> None:
    """RFC 2407 section 4.6.3.3."""
    gateways = pair(tunnel())
    bring_up(gateways)
    old = set(gateways.b.sad.pairs)
    fresh = pair(tunnel(), seed=9)
    gateways.network.hosts[0].machine = fresh.endpoint_a
    gateways.network.hosts[0].sad.pairs.clear()
    fresh.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(2)
    assert gateways.connected()
    assert not old & set(gateways.b.sad.pairs)
    reasons = {closed.reason for closed in gateways.b.told(IkeSaClosed)}
    assert reasons == {"the peer started anew (INITIAL_CONTACT)"}
    assert len(gateways.endpoint_b.snapshot(0)) == 1


def test_a_restarted_peer_does_not_clear_what_another_one_has() -> None:
    """Two gateways behind one NAT have one address, and each its own key."""
    two = replace(
        tunnel(child(ESP_V1, policy_id=2), name="two", proposals=[WINDOWS_2003]),
        authentication=PresharedKey("second"),
    )
    keys = Keys(second=b"another key")
    sides = [tunnel(name="one"), two]
    gateways = pair(sides, [mirrored(each) for each in sides], keys_a=keys, keys_b=keys)
    bring_up(gateways, "one")
    other = pair(two, seed=9, keys_b=keys)
    gateways.network.hosts[1].machine = other.endpoint_b
    other.endpoint_b.up("two", gateways.network.now)
    gateways.network.run(1)
    assert {sa.tunnel for sa in gateways.a.sad.pairs.values()} == {"one", "two"}


def test_an_unreachable_peer_ends_main_mode_and_then_the_children() -> None:
    gateways = pair(tunnel(lifetime=1000))
    bring_up(gateways)
    gateways.network.interceptors.append(lambda _: [])
    gateways.network.run(1100)
    assert len(gateways.a.sad.pairs) == 1
    assert gateways.endpoint_a.snapshot(0)[0].state == "expired"
    gateways.network.run(4000)
    assert not gateways.a.sad.pairs
    assert not gateways.endpoint_a.snapshot(0)


def test_a_peer_that_makes_pairs_and_deletes_none_comes_to_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateways = pair(tunnel())
    bring_up(gateways)
    monkeypatch.setattr(Keeper, "_establish", lambda *_: None)
    (session,) = gateways.endpoint_a._sessions
    for _ in range(MAX_PAIRS + 5):
        session.create_child(session.connection.children[0], gateways.network.now)
        gateways.endpoint_a._collect(session, gateways.network.now)
        gateways.network.run(0.1)
    assert len(gateways.b.sad.pairs) == MAX_PAIRS
    assert "deletes none" in gateways.b.failures()[0].explanation
    assert gateways.connected()


def test_those_that_wait_go_to_the_main_mode_sa_that_takes_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quick_modes, "MAX_BEGUN", 1)
    silent = child(ESP_V1, policy_id=1)
    other = child(ESP_V1, name="other", policy_id=2, remote=[selector("10.9.0.0/24")])
    gateways = pair(tunnel(silent, other, lifetime=60))
    bring_up(gateways)
    network = gateways.network
    (ike,) = gateways.endpoint_a.snapshot(network.now)
    assert ike.rekey_in is not None
    network.run(ike.rekey_in - 5)

    def keep_back_quick_modes(packet: Packet) -> list[Packet] | None:
        header = Header.parse(packet.payload)
        old = header.spi_i.hex() == ike.spi_i
        return [] if old and header.exchange == ExchangeType.QUICK_MODE else None

    network.interceptors.append(keep_back_quick_modes)
    for each in gateways.endpoint_a.snapshot(network.now)[0].children:
        gateways.endpoint_a.child_expiring(each.spi_in, hard=False, now=network.now)
    network.run(10)
    renewed = [each.sa.policy_id for each in gateways.a.told(ChildSaEstablished)]
    assert sorted(renewed) == [1, 2, 2]
