"""RFC 2408 section 5.15: what one side deletes, the other does too."""

from __future__ import annotations

from gatewright.ike.outputs import ChildSaClosed, DeleteChildSa, IkeSaClosed, NegotiationFailed
from tests.support.figures_v1 import text
from tests.support.gateways import child, pair, selector
from tests.support.gateways_v1 import ESP_V1, bring_up, tunnel


def test_taking_the_tunnel_down_deletes_both_kinds_of_sa() -> None:
    gateways = pair(tunnel(), export_keys=True)
    bring_up(gateways)
    gateways.endpoint_a.down("branch", gateways.network.now)
    gateways.network.run(1)
    assert text(gateways.network)[9:] == [
        "A -> B  info {HASH D(ESP)}",
        "A -> B  info {HASH D(ISAKMP)}",
    ]
    for host in gateways.hosts():
        assert not host.sad.pairs
        assert len(host.told(DeleteChildSa)) == len(host.told(ChildSaClosed)) == 1
        assert len(host.told(IkeSaClosed)) == 1
        assert not host.failures()
    assert not gateways.endpoint_a.snapshot(0)
    assert not gateways.endpoint_b.snapshot(0)
    assert gateways.b.told(ChildSaClosed)[0].reason == "deleted by the peer"


def test_deleting_one_child_leaves_the_others() -> None:
    children = [
        child(
            ESP_V1, name=f"n{number}", policy_id=number, local=[selector(f"192.168.{number}.0/24")]
        )
        for number in (1, 2)
    ]
    gateways = pair(tunnel(*children))
    bring_up(gateways)
    first = gateways.a.sad.outbound(1)
    assert first is not None
    gateways.endpoint_a.child_not_installed(first.spi_in, gateways.network.now)
    gateways.network.run(1)
    assert not gateways.connected(1)
    assert gateways.connected(2)
    assert all(len(host.sad.pairs) == 1 for host in gateways.hosts())


def test_a_lost_delete_is_repeated_until_it_is_acknowledged() -> None:
    """MS-IKEE section 3.8: a peer that never hears of it would send into nothing."""
    gateways = pair(tunnel(), export_keys=True)
    bring_up(gateways)
    lost = iter((True, True))
    gateways.network.interceptors.append(lambda _: [] if next(lost, False) else None)
    first = gateways.a.sad.outbound(1)
    assert first is not None
    gateways.endpoint_a.child_not_installed(first.spi_in, gateways.network.now)
    gateways.network.run(2.5)
    assert gateways.b.sad.pairs
    gateways.network.run(60)
    assert not gateways.b.sad.pairs
    assert text(gateways.network)[9:] == [
        "A -> B  info {HASH Nonce D(ESP)}",
        "B -> A  info {HASH Nonce D(ESP)}",
    ]


def test_the_children_survive_when_the_peer_deletes_main_mode_alone() -> None:
    """As a 2003 gateway does when the main mode lifetime is over (MS-IKEE section 3.8.4.1)."""
    gateways = pair(tunnel())
    bring_up(gateways)
    (session,) = gateways.endpoint_b._sessions
    session.expire("test", gateways.network.now, tell=True)  # type: ignore[attr-defined]
    gateways.network.drain(gateways.b)
    gateways.endpoint_b._collect(session, gateways.network.now)
    gateways.network.run(1)
    assert gateways.connected()
    for host in gateways.hosts():
        assert len(host.told(IkeSaClosed)) == 1
        assert not host.told(DeleteChildSa)
    for endpoint in (gateways.endpoint_a, gateways.endpoint_b):
        (snapshot,) = endpoint.snapshot(gateways.network.now)
        assert snapshot.state == "expired"
        assert len(snapshot.children) == 1


def test_children_without_main_mode_are_renewed_by_a_new_one() -> None:
    gateways = pair(tunnel(), export_keys=True)
    bring_up(gateways)
    (session,) = gateways.endpoint_b._sessions
    session.expire("test", gateways.network.now, tell=True)  # type: ignore[attr-defined]
    gateways.endpoint_b._collect(session, gateways.network.now)
    gateways.network.run(3600)
    assert gateways.connected()
    assert all(len(host.told(NegotiationFailed)) == 0 for host in gateways.hosts())
    for endpoint in (gateways.endpoint_a, gateways.endpoint_b):
        states = [snapshot.state for snapshot in endpoint.snapshot(gateways.network.now)]
        assert states == ["established"]


def test_closing_a_tunnel_whose_main_mode_is_gone_removes_its_children() -> None:
    gateways = pair(tunnel())
    bring_up(gateways)
    (session,) = gateways.endpoint_b._sessions
    session.expire("test", gateways.network.now, tell=True)  # type: ignore[attr-defined]
    gateways.endpoint_b._collect(session, gateways.network.now)
    gateways.network.run(1)
    gateways.endpoint_a.down("branch", gateways.network.now)
    gateways.network.run(1)
    assert not gateways.a.sad.pairs
    assert not gateways.endpoint_a.snapshot(0)


def test_a_main_mode_under_way_can_be_given_up() -> None:
    gateways = pair(tunnel())
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.endpoint_a.down("branch", gateways.network.now)
    gateways.network.run(60)
    assert not gateways.endpoint_a.snapshot(0)
    assert not gateways.endpoint_b.snapshot(0)
    assert not gateways.a.sad.pairs
