from dataclasses import replace

import pytest

from gatewright.ike.v1 import terms
from gatewright.ike.v1.errors import InvalidId
from gatewright.ike.v1.identification import selector_payload
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.wire.v1.message import Chain, emit_chain, parse_chain
from gatewright.wire.v1.payload import Payload
from gatewright.wire.v1.payloads.nonce import NoncePayload
from tests.support.gateways import IP_A, IP_B, NET_A, NET_B, child, mirrored, selector
from tests.support.gateways_v1 import tunnel
from tests.unit.ike.v1.builders import core

PART = selector("192.168.10.64/26")


def asked(remote: TrafficSelector | None = None, local: TrafficSelector | None = None) -> Chain:
    ids = [selector_payload(each) for each in (remote, local) if each is not None]
    payloads: tuple[Payload, ...] = (NoncePayload(bytes(16)), *ids)
    return parse_chain(payloads[0].number, emit_chain(payloads))


def test_an_initiator_asks_for_the_selectors_of_its_child() -> None:
    made = terms.of_child(child())
    assert (made.local, made.remote, made.replaces) == (NET_A, NET_B, None)


def test_of_several_selectors_it_takes_the_packet_s() -> None:
    two = child(local=[selector("172.16.0.0/24"), NET_A])
    packet = (selector("192.168.10.9/32", 6, 1000, 1000), selector("10.20.0.1/32", 6, 80, 80))
    assert terms.of_child(two, packet).local == NET_A
    assert terms.of_child(two).local == selector("172.16.0.0/24")


def test_the_responder_finds_the_child_with_exactly_these_networks() -> None:
    wide = child(policy_id=1)
    exact = child(policy_id=2, local=[PART])
    sa = core(mirrored(tunnel(wide, exact)), is_initiator=False)
    found = terms.asked_for(sa, asked(PART, NET_B))
    assert found.child.policy_id == 2
    assert (found.local, found.remote) == (NET_B, PART)


def test_or_one_that_covers_them() -> None:
    sa = core(is_initiator=False)
    found = terms.asked_for(sa, asked(PART, NET_B))
    assert (found.child.policy_id, found.remote) == (1, PART)


def test_but_none_that_is_narrower() -> None:
    sa = core(mirrored(tunnel(child(local=[PART]))), is_initiator=False)
    with pytest.raises(InvalidId) as caught:
        terms.asked_for(sa, asked(NET_A, NET_B))
    (difference,) = caught.value.differences
    assert (difference.item, difference.ours, difference.theirs) == (
        "remote traffic selector",
        "192.168.10.64/26",
        "192.168.10.0/24",
    )


def test_without_selectors_the_gateways_themselves_are_meant() -> None:
    hosts = child(local=[TrafficSelector(IP_A, IP_A)], remote=[TrafficSelector(IP_B, IP_B)])
    sa = core(mirrored(tunnel(hosts)), is_initiator=False)
    assert terms.asked_for(sa, asked()).local == TrafficSelector(IP_B, IP_B)


def test_another_tunnel_with_the_same_authenticated_peer_is_looked_through_too() -> None:
    other = mirrored(tunnel(child(policy_id=9, local=[selector("172.16.0.0/24")]), name="other"))
    sa = core(is_initiator=False)
    sa.candidates = (sa.connection, other)
    assert terms.asked_for(sa, asked(selector("172.16.0.0/24"), NET_B)).child.policy_id == 9
    stranger = replace(other, authentication=replace(other.authentication, secret="else"))
    sa.candidates = (sa.connection, stranger)
    with pytest.raises(InvalidId):
        terms.asked_for(sa, asked(selector("172.16.0.0/24"), NET_B))


def test_the_same_traffic() -> None:
    made = terms.of_child(child())
    assert made.traffic == replace(made, replaces=7).traffic
    assert made.traffic != replace(made, local=PART).traffic
