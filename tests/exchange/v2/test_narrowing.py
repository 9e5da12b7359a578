"""RFC 7296 section 2.9: the responder takes of the traffic selectors what its policy allows."""

from __future__ import annotations

from gatewright.iana.ikev2 import NotifyType
from gatewright.ike.outputs import InstallChildSa
from gatewright.wire.v2.message import select
from gatewright.wire.v2.payloads.notify import NotifyPayload
from tests.support.figures import Figure
from tests.support.gateways import POLICY, Pair, child, connection, mirrored, pair, selector


def installed(gateways: Pair) -> list[tuple[list[str], list[str]]]:
    """Local and remote selectors of each child SA of A, in words."""
    return [
        ([str(ts) for ts in each.sa.local], [str(ts) for ts in each.sa.remote])
        for each in gateways.a.told(InstallChildSa)
    ]


def test_a_wider_offer_is_narrowed_to_what_both_want() -> None:
    wide = connection(child(local=[selector("192.168.0.0/16")], remote=[selector("10.0.0.0/8")]))
    gateways = pair(wide, mirrored(connection()))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert installed(gateways) == [(["192.168.10.0/24"], ["10.20.0.0/24"])]
    assert gateways.connected()


def test_a_narrower_offer_is_taken_as_it_is() -> None:
    wide = connection(child(local=[selector("192.168.0.0/16")], remote=[selector("10.0.0.0/8")]))
    gateways = pair(connection(), mirrored(wide))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert installed(gateways) == [(["192.168.10.0/24"], ["10.20.0.0/24"])]


def test_several_networks_in_one_child_sa() -> None:
    nets = [selector("192.168.10.0/24"), selector("192.168.30.0/24"), selector("192.168.50.0/24")]
    gateways = pair(connection(child(local=nets)), mirrored(connection(child(local=nets[1:]))))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert installed(gateways) == [(["192.168.30.0/24", "192.168.50.0/24"], ["10.20.0.0/24"])]


def test_protocols_and_ports_are_narrowed_too() -> None:
    web = connection(child(remote=[selector("10.20.0.0/24", 6, 80, 443)]))
    gateways = pair(connection(), mirrored(web))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert installed(gateways) == [(["192.168.10.0/24"], ["10.20.0.0/24 protocol 6 port 80-443"])]


def test_the_packet_in_hand_decides_which_child_of_the_responder_it_is() -> None:
    """A has one rule for all, B one each; the first selectors tell which one is needed now."""
    all_nets = connection(child(remote=[selector("10.0.0.0/8")]))
    side_b = mirrored(
        connection(
            child(name="one", policy_id=11, remote=[selector("10.1.0.0/16")]),
            child(name="two", policy_id=12, remote=[selector("10.2.0.0/16")]),
        )
    )
    gateways = pair(all_nets, side_b, export_keys=True)
    figure = Figure(gateways.network)
    for host in (2, 1):
        trigger = (selector("192.168.10.5/32", 17), selector(f"10.{host}.0.9/32", 17))
        gateways.endpoint_a.acquire(POLICY, trigger, gateways.network.now)
        gateways.network.run(1)

    assert installed(gateways) == [
        (["192.168.10.0/24"], ["10.2.0.0/16"]),
        (["192.168.10.0/24"], ["10.1.0.0/16"]),
    ]
    assert [each.sa.child for each in gateways.b.told(InstallChildSa)] == ["two", "one"]
    notifies = select(figure.lines()[3].payloads, NotifyPayload)
    assert [each.type for each in notifies] == [NotifyType.ADDITIONAL_TS_POSSIBLE]


def test_a_packet_that_an_sa_carries_already_makes_no_other() -> None:
    gateways = pair()
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    sent = len(gateways.network.carried)
    trigger = (selector("192.168.10.5/32", 1), selector("10.20.0.9/32", 1))
    gateways.endpoint_a.acquire(POLICY, trigger, gateways.network.now)
    gateways.network.run(1)
    assert len(gateways.network.carried) == sent


def test_both_families_in_one_child_sa() -> None:
    both = connection(
        child(
            local=[selector("192.168.10.0/24"), selector("2001:db8:a::/48")],
            remote=[selector("10.20.0.0/24"), selector("2001:db8:b::/48")],
        )
    )
    gateways = pair(both)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert installed(gateways) == [
        (["192.168.10.0/24", "2001:db8:a::/48"], ["10.20.0.0/24", "2001:db8:b::/48"])
    ]


def test_a_rekey_keeps_what_was_narrowed() -> None:
    wide = connection(child(local=[selector("192.168.0.0/16")]))
    gateways = pair(wide, mirrored(connection()))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    for endpoint, host in ((gateways.endpoint_a, gateways.a), (gateways.endpoint_b, gateways.b)):
        spi_in = host.told(InstallChildSa)[-1].sa.spi_in
        endpoint.child_expiring(spi_in, False, gateways.network.now)
        gateways.network.run(10)
    assert installed(gateways) == [(["192.168.10.0/24"], ["10.20.0.0/24"])] * 3
