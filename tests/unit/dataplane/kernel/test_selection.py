from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from gatewright.dataplane.kernel.layout import ANY_PORT, KernelSelector, Masked
from gatewright.dataplane.kernel.selection import (
    blocks,
    covering,
    kernel_selectors,
    neighbour_discovery,
)
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.flows import Flow, flow
from tests.support.policies import selector

ranges = st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)).map(
    lambda pair: (min(pair), max(pair))
)


def sides(protocol: int = 6) -> st.SearchStrategy[TrafficSelector]:
    return st.tuples(
        st.integers(0, 255), st.integers(0, 255), st.one_of(st.just((0, 0xFFFF)), ranges)
    ).map(
        lambda t: TrafficSelector(
            IPv4Address(f"10.0.0.{min(t[:2])}"),
            IPv4Address(f"10.0.0.{max(t[:2])}"),
            protocol,
            *t[2],
        )
    )


def matches(one: KernelSelector, packet: tuple[int, int, int, int]) -> bool:
    """As the kernel does it: source, destination (last octet), and their ports."""
    source, destination, sport, dport = packet
    return (
        IPv4Address(f"10.0.0.{source}") in one.source
        and IPv4Address(f"10.0.0.{destination}") in one.destination
        and not (sport ^ one.source_port.value) & one.source_port.mask
        and not (dport ^ one.destination_port.value) & one.destination_port.mask
    )


packets = st.tuples(
    st.integers(0, 255), st.integers(0, 255), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)
)


@given(ranges)
def test_blocks_are_prefixes_that_make_up_the_range(numbers: tuple[int, int]) -> None:
    place = numbers[0]
    for value, length in blocks(numbers):
        size = 1 << (16 - length)
        assert value == place
        assert value % size == 0
        place += size
    assert place == numbers[1] + 1


@given(sides(), sides(), packets)
def test_selectors_hold_exactly_the_packets_of_a_flow(
    source: TrafficSelector, destination: TrafficSelector, packet: tuple[int, int, int, int]
) -> None:
    one = flow(source, destination)
    assert one is not None
    wanted = source.contains(
        IPv4Address(f"10.0.0.{packet[0]}"), 6, packet[2]
    ) and destination.contains(IPv4Address(f"10.0.0.{packet[1]}"), 6, packet[3])
    assert any(matches(each, packet) for each in kernel_selectors(one)) is wanted


@given(st.lists(st.tuples(sides(), sides()), min_size=1, max_size=3), packets)
def test_the_covering_selector_holds_what_any_flow_holds(
    pairs: list[tuple[TrafficSelector, TrafficSelector]], packet: tuple[int, int, int, int]
) -> None:
    flows = [one for pair in pairs if (one := flow(*pair)) is not None]
    whole = covering(flows)
    assert whole is not None
    inside = any(matches(each, packet) for one in flows for each in kernel_selectors(one))
    assert matches(whole, packet) or not inside


@given(sides(), sides())
def test_one_selector_that_is_a_prefix_is_covered_by_itself(
    source: TrafficSelector, destination: TrafficSelector
) -> None:
    one = flow(source, destination)
    assert one is not None
    listed = list(kernel_selectors(one))
    if len(listed) == 1:
        assert covering([one]) == listed[0]


def test_type_and_code_of_icmp_are_the_two_ports() -> None:
    echo = flow(selector("10.0.0.0/8", 1, 0x0800, 0x0800), selector("0.0.0.0/0", 1))
    assert echo is not None
    (one,) = kernel_selectors(echo)
    assert one.source_port == Masked(8, 0xFFFF)
    assert one.destination_port == Masked(0, 0xFFFF)
    errors = flow(selector("10.0.0.0/8", 1, 0x0300, 0x04FF), selector("0.0.0.0/0", 1))
    assert errors is not None
    found = [(each.source_port, each.destination_port) for each in kernel_selectors(errors)]
    assert found == [(Masked(3, 0xFFFF), ANY_PORT), (Masked(4, 0xFFFF), ANY_PORT)]


@given(ranges, st.integers(0, 0xFFFF))
def test_a_range_of_types_and_codes_is_held_exactly(numbers: tuple[int, int], value: int) -> None:
    anywhere = selector("0.0.0.0/0", 1)
    one = Flow(anywhere, anywhere, 1, icmp=numbers)
    kind, code = divmod(value, 256)
    held = any(matches(each, (0, 0, kind, code)) for each in kernel_selectors(one))
    assert held is (numbers[0] <= value <= numbers[1])


def test_nothing_covers_both_ip_versions() -> None:
    pairs = [("10.0.0.0/8", "10.0.0.0/8"), ("2001:db8::/32", "2001:db8::/32")]
    flows = [flow(selector(a), selector(b)) for a, b in pairs]
    assert covering([each for each in flows if each is not None]) is None
    assert covering([]) is None


def test_protocols_that_differ_leave_the_covering_selector_without_one() -> None:
    two = [Flow(selector("10.0.0.0/8"), selector("10.0.0.0/8"), p, (5, 5)) for p in (6, 17)]
    one = covering(two)
    assert one == KernelSelector(ip_network("10.0.0.0/8"), ip_network("10.0.0.0/8"))


def test_neighbour_discovery_is_types_133_to_136_and_not_redirects() -> None:
    def held(kind: int) -> bool:
        return any(
            not (kind ^ each.source_port.value) & each.source_port.mask
            and each.protocol == 58
            and ip_address("ff02::1") in each.destination
            for each in neighbour_discovery()
        )

    assert [kind for kind in range(256) if held(kind)] == [133, 134, 135, 136]
