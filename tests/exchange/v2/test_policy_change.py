"""A policy that is edited, and a tunnel that is taken down, while something is under way."""

from __future__ import annotations

from dataclasses import replace

from gatewright.policy.compiled import Identity, IdentityType
from tests.support.gateways import POLICY, Pair, child, connection, ike, mirrored, pair, selector

STRONGER = ike("aes-256-gcm/prf-hmac-sha384/ecp-384")


def fqdn(name: str) -> Identity:
    return Identity(IdentityType.FQDN, name)


def begin_an_exchange(gateways: Pair) -> None:
    """A rekeys its child SA, and so has a request outstanding."""
    newest = gateways.a.sad.outbound(POLICY)
    assert newest is not None
    gateways.endpoint_a.child_expiring(newest.spi_in, False, gateways.network.now)


def algorithms(gateways: Pair) -> list[str]:
    return [each.algorithms for each in gateways.endpoint_a.snapshot(gateways.network.now)]


def edit_proposals(*, busy: bool) -> Pair:
    """B accepts old and new algorithms; A is told to use the new ones alone."""
    old = connection()
    gateways = pair(old, mirrored(replace(old, proposals=(STRONGER, *old.proposals))))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    if busy:
        begin_an_exchange(gateways)
    new = replace(old, proposals=(STRONGER,))
    gateways.endpoint_a.set_connections([new], gateways.network.now)
    gateways.endpoint_a.acquire(POLICY, None, gateways.network.now)
    gateways.network.run(40)
    return gateways


def test_packets_right_after_an_edit_are_negotiated_for_with_the_new_settings() -> None:
    gateways = edit_proposals(busy=False)
    assert algorithms(gateways) == ["aes-256-gcm / prf-hmac-sha384 / ecp-384"]
    assert gateways.connected()


def test_nor_are_they_forgotten_with_an_ike_sa_that_waits_to_be_closed() -> None:
    gateways = edit_proposals(busy=True)
    assert algorithms(gateways) == ["aes-256-gcm / prf-hmac-sha384 / ecp-384"]
    assert gateways.connected()


def test_down_and_up_again_while_a_request_is_outstanding() -> None:
    gateways = pair()
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    begin_an_exchange(gateways)
    gateways.endpoint_a.down("branch", gateways.network.now)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(40)
    assert gateways.connected()


def test_a_rekey_under_way_does_not_bring_a_removed_child_back() -> None:
    second = child(name="second", policy_id=2, local=[selector("192.168.20.0/24")])
    both = connection(child(), second)
    gateways = pair(both)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    going = gateways.a.sad.outbound(2)
    assert going is not None
    gateways.endpoint_a.child_expiring(going.spi_in, False, gateways.network.now)
    gateways.endpoint_a.set_connections([replace(both, children=(child(),))], gateways.network.now)
    gateways.network.run(20)
    assert gateways.connected(1)
    assert gateways.a.sad.outbound(2) is None
    assert gateways.b.sad.outbound(2) is None


def test_a_peer_half_way_cannot_become_a_tunnel_that_was_removed() -> None:
    kept = connection(name="kept")
    going = replace(
        connection(child(policy_id=2), name="going"),
        local_identity=fqdn("a.example"),
        remote_identity=fqdn("b.example"),
    )
    gateways = pair([going], [mirrored(kept), mirrored(going)])
    gateways.endpoint_a.up("going", gateways.network.now)
    gateways.network.run(0.015)  # IKE_SA_INIT is answered
    assert gateways.endpoint_b.counters()["half_open"] == 1
    gateways.endpoint_b.set_connections([mirrored(kept)], gateways.network.now)
    gateways.network.run(5)
    assert gateways.endpoint_b.snapshot(gateways.network.now) == ()
    assert not gateways.b.sad.pairs
