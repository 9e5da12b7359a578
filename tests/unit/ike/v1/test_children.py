from dataclasses import replace

from gatewright.ike.v1.children import ChildState, ChildTable, QuickModeSa
from gatewright.ipsec.association import ChildSa, Encapsulation, SaKeys, Transport
from gatewright.ipsec.secret import Secret
from tests.support.gateways import IP_A, IP_B, NET_A, NET_B, child, esp

UDP = Transport(IP_A, IP_B, Encapsulation.UDP, 4500, 4500)
METHOD = esp("3des-cbc/hmac-sha1-96")


def pair(spi_in: int = 4096, **changes: object) -> QuickModeSa:
    keys = SaKeys(Secret(bytes(24)), Secret(bytes(20)))
    sa = ChildSa(
        spi_in, spi_in + 1, 1, "branch", "net", UDP,
        METHOD.cipher, METHOD.integrity, keys, keys, False, (NET_A,), (NET_B,),
    )  # fmt: skip
    made = QuickModeSa(sa, child(), True, b"nonce", 0.0, 10.0, 900.0, 1000.0)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_the_soonest_of_its_times_is_next() -> None:
    assert pair().next_timeout() == 900.0
    assert pair(state=ChildState.REKEYING).next_timeout() == 1000.0
    assert pair(state=ChildState.REPLACED, remove_at=50.0).next_timeout() == 50.0
    assert pair(activate_at=11.0).next_timeout() == 11.0


def test_its_snapshot() -> None:
    shown = pair().snapshot(110.0)
    assert shown.algorithms == "3des-cbc / hmac-sha1-96"
    assert (shown.encapsulation, shown.state) == ("udp", "installed")
    assert (shown.age, shown.rekey_in, shown.expires_in) == (100.0, 790.0, 890.0)
    assert pair(state=ChildState.REPLACED).snapshot(110.0).rekey_in is None


def test_a_table_finds_by_both_spis_and_keeps_the_order() -> None:
    table = ChildTable()
    assert table.next_timeout() is None
    first, second = pair(5000), pair(4096)
    table.add(first)
    table.add(second)
    assert list(table) == [first, second]
    assert table.get(4096) is second
    assert table.by_outbound(5001) is first
    assert table.by_outbound(5000) is None
    assert table.pop(5000) is first
    assert table.pop(5000) is None
    assert table.take_all() == [second]
    assert not len(table)


def test_pairs_for_the_same_traffic_are_found_oldest_first() -> None:
    table = ChildTable()
    first, second, other = pair(4096), pair(5000), pair(6000)
    other.sa = replace(other.sa, remote=(NET_A,))
    for each in (first, second, other):
        table.add(each)
    assert table.of_traffic(first.traffic) == [first, second]
    table.pop(4096)
    assert table.of_traffic(second.traffic) == [second]


def test_a_table_knows_whose_time_has_come_after_each_change() -> None:
    table = ChildTable()
    early, late = pair(4096), pair(5000, began=1.0)
    table.add(late)
    table.add(early)
    assert table.next_timeout() == 900.0
    assert table.due(900.0) == [early, late]
    early.state = ChildState.REKEYING
    assert table.due(900.0) == [late]
    late.activate_at = 20.0
    assert table.next_timeout() == 20.0
    table.pop(5000)
    assert table.next_timeout() == 1000.0
    late.activate_at = 5.0
    assert table.next_timeout() == 1000.0
