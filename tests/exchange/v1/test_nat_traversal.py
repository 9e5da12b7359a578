"""RFC 3947 and its draft 02: detection, the move to port 4500, and ESP in UDP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from itertools import count

import pytest

from gatewright.iana import vendor_ids
from gatewright.iana.vendor_ids import VendorId
from gatewright.ike.outputs import InstallChildSa, SendNatKeepalive, UpdateTransport
from gatewright.ike.v1 import path
from gatewright.ike.v1.path import NAT_DIALECTS
from gatewright.ike.v1.tasks import vendor
from gatewright.ipsec.association import Encapsulation, Transport
from gatewright.policy.compiled import NatTraversal
from gatewright.wire.v1.payloads.sa import SaPayload
from tests.support.figures_v1 import figure, text
from tests.support.gateways import IP_A, IP_B, Pair, connection, mirrored, pair
from tests.support.gateways_v1 import bring_up, tunnel
from tests.support.sim import Nat, Packet

INSIDE, OUTSIDE = ip_address("10.0.0.2"), ip_address("203.0.113.77")
INSIDE_B = ip_address("10.9.9.9")


def behind_nat(nat_traversal: NatTraversal = NatTraversal.AUTO, dpd_delay: int = 0) -> Pair:
    """A stands behind a NAT, and B knows it by the NAT's address."""
    side_a = tunnel(local=INSIDE, nat_traversal=nat_traversal, dpd_delay=dpd_delay)
    side_b = mirrored(tunnel(local=OUTSIDE, dpd_delay=dpd_delay))
    identity = connection().local_identity
    gateways = pair(
        replace(side_a, local_identity=identity),
        replace(side_b, remote_identity=identity),
        export_keys=True,
    )
    gateways.network.add_nat(Nat(INSIDE, OUTSIDE))
    return gateways


def transports(gateways: Pair) -> list[Transport]:
    return [host.told(InstallChildSa)[0].sa.transport for host in gateways.hosts()]


def ports(gateways: Pair) -> list[int]:
    """The destination ports of A's messages, in order."""
    lines = figure(gateways.network)
    return [line.packet.destination.port for line in lines if line.packet.destination.ip == IP_B]


def test_whoever_is_behind_a_nat_itself_does_not_follow() -> None:
    """Somebody on the way could divert the tunnel with one packet (RFC 7296 section 2.23)."""
    side_a = tunnel(local=INSIDE, dpd_delay=30)
    side_b = mirrored(tunnel(local=OUTSIDE, remote=INSIDE_B))
    a, b = connection().local_identity, connection().remote_identity
    gateways = pair(
        replace(side_a, local_identity=a, remote_identity=b),
        replace(side_b, local_identity=b, remote_identity=a),
    )
    gateways.network.add_nat(Nat(INSIDE, OUTSIDE))
    nat_b = gateways.network.add_nat(Nat(INSIDE_B, IP_B))
    nat_b.forward(500)
    nat_b.forward(4500)
    bring_up(gateways)
    assert gateways.endpoint_b.snapshot(0)[0].nat == "both"
    gateways.network._nats[0].rebind()
    gateways.network.run(40)
    assert not gateways.b.told(UpdateTransport)


def test_without_a_nat_everything_stays_where_it_is() -> None:
    gateways = pair(tunnel(), export_keys=True)
    bring_up(gateways)
    assert set(ports(gateways)) == {500}
    assert all(each.encapsulation is Encapsulation.PROTOCOL_50 for each in transports(gateways))


@pytest.mark.parametrize("number", [3, 5])
def test_who_passes_a_message_on_does_not_get_the_tunnel(number: int) -> None:
    """Nothing but an address that no NAT explains differs in a message of A."""
    gateways = pair(tunnel())
    messages = count(1, 2)

    def pass_on(packet: Packet) -> list[Packet] | None:
        if packet.source.ip != IP_A or next(messages) != number:
            return None
        elsewhere = ip_address("198.51.100.66")
        return [replace(packet, source=replace(packet.source, ip=elsewhere))]

    gateways.network.interceptors.append(pass_on)
    bring_up(gateways)
    assert gateways.connected()
    assert gateways.b.told(InstallChildSa)[0].sa.transport.remote == IP_A


def test_behind_a_nat_the_exchange_moves_with_message_5() -> None:
    gateways = behind_nat()
    bring_up(gateways)
    assert ports(gateways) == [500, 500, 4500, 4500, 4500]
    assert gateways.connected()
    a, b = transports(gateways)
    assert a == Transport(INSIDE, IP_B, Encapsulation.UDP, 4500, 4500)
    assert (b.remote, b.encapsulation, b.local_port) == (OUTSIDE, Encapsulation.UDP, 4500)
    assert b.remote_port >= 30_000  # as the NAT mapped it
    nats = [endpoint.snapshot(0)[0].nat for endpoint in (gateways.endpoint_a, gateways.endpoint_b)]
    assert nats == ["local", "remote"]


@pytest.mark.parametrize(
    ("spoken", "payload", "mode"),
    [
        (vendor_ids.RFC_3947, "NAT-D", 3),
        (vendor_ids.NAT_T_DRAFT_02_NEWLINE, "NAT-D(draft)", 61443),
        (vendor_ids.NAT_T_DRAFT_02, "NAT-D(draft)", 61443),
    ],
)
def test_each_dialect_has_its_own_numbers(
    monkeypatch: pytest.MonkeyPatch, spoken: VendorId, payload: str, mode: int
) -> None:
    """With a peer that knows one dialect alone, as a 2003 gateway knows the draft."""
    only: Sequence[path.NatDialect] = [
        dialect for dialect in NAT_DIALECTS if dialect.vendor_id is spoken
    ]
    monkeypatch.setattr(vendor, "NAT_DIALECTS", tuple(only))
    gateways = behind_nat()
    bring_up(gateways)
    lines = figure(gateways.network)
    assert str(lines[2]) == f"? -> B  main {{KE Nonce {payload} {payload}}}"
    offer = next(line.chain for line in lines if line.exchange == "quick")
    assert offer is not None
    (sa,) = offer.all(SaPayload)
    modes = [each.number for each in sa.proposals[0].transforms[0].attributes if each.type == 4]
    assert modes == [mode]
    assert gateways.connected()


def test_forced_encapsulation_needs_no_nat() -> None:
    gateways = pair(tunnel(nat_traversal=NatTraversal.FORCE), mirrored(tunnel()), export_keys=True)
    bring_up(gateways)
    assert gateways.connected()
    a, b = transports(gateways)
    assert a == Transport(IP_A, IP_B, Encapsulation.UDP, 4500, 4500)
    assert b == Transport(IP_B, IP_A, Encapsulation.UDP, 4500, 4500)


def test_a_responder_can_force_it_too() -> None:
    gateways = pair(tunnel(), mirrored(tunnel(nat_traversal=NatTraversal.FORCE)))
    bring_up(gateways)
    assert gateways.connected()
    assert all(each.encapsulation is Encapsulation.UDP for each in transports(gateways))


def test_switched_off_nothing_is_announced_or_detected() -> None:
    gateways = pair(tunnel(nat_traversal=NatTraversal.OFF), export_keys=True)
    bring_up(gateways)
    assert all("NAT-D" not in str(line) for line in figure(gateways.network))
    assert gateways.connected()
    assert text(gateways.network)


def test_the_side_behind_the_nat_keeps_its_mapping_alive() -> None:
    gateways = behind_nat()
    bring_up(gateways, seconds=101)
    sent = gateways.a.told(SendNatKeepalive)
    assert len(sent) == 5
    assert (sent[0].datagram.local.port, sent[0].datagram.payload) == (4500, b"")
    assert not gateways.b.told(SendNatKeepalive)


def test_a_nat_that_forgets_its_mappings_is_followed() -> None:
    """The peer's next authentic and fresh message tells where it is now."""
    gateways = behind_nat(dpd_delay=30)
    nat = Nat(INSIDE, OUTSIDE)
    bring_up(gateways)
    before = transports(gateways)[1].remote_port
    gateways.network.add_nat(nat)
    gateways.network._nats[0].rebind()
    gateways.network._nats[0]._next_port = 40_000
    gateways.network.run(120)
    moved = gateways.b.told(UpdateTransport)
    assert moved
    assert moved[-1].remote_port != before
    (pair_b,) = gateways.b.sad.pairs.values()
    assert pair_b.transport.remote_port == moved[-1].remote_port
    assert gateways.connected()
