"""The most specific entry first."""

from __future__ import annotations

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Action, SpdEntry
from gatewright.policy.order import breadth, most_specific_first


def selector(
    network: str, protocol: int = 0, ports: tuple[int, int] = (0, 65535)
) -> TrafficSelector:
    return TrafficSelector.from_network(ip_network(network), protocol, *ports)


def entry(
    local: str, remote: str, action: Action = Action.DISCARD, protocol: int = 0, name: str = ""
) -> SpdEntry:
    return SpdEntry(0, name, action, (selector(local, protocol),), (selector(remote, protocol),))


def test_narrower_networks_protocols_and_ports_come_first() -> None:
    wide = entry("10.0.0.0/8", "0.0.0.0/0", name="wide")
    narrow = entry("10.1.0.0/16", "0.0.0.0/0", name="narrow")
    tcp = entry("10.1.0.0/16", "0.0.0.0/0", protocol=6, name="tcp")
    web = SpdEntry(
        0,
        "web",
        Action.DISCARD,
        (selector("10.1.0.0/16", 6),),
        (selector("0.0.0.0/0", 6, (80, 80)),),
    )
    ordered = most_specific_first([wide, narrow, tcp, web])
    assert [one.name for one in ordered] == ["web", "tcp", "narrow", "wide"]


def test_ties_go_to_the_safer_action_and_then_by_the_file() -> None:
    actions = [Action.BYPASS, Action.PROTECT, Action.DISCARD]
    entries = [entry("10.0.0.0/8", "10.0.0.0/8", action) for action in actions]
    assert [one.action for one in most_specific_first(entries)] == actions[::-1]
    same = [entry("10.0.0.0/24", f"10.{n}.0.0/24", name=str(n)) for n in (3, 1, 2)]
    assert [one.name for one in most_specific_first(same)] == ["3", "1", "2"]


NETWORKS = st.builds(
    lambda bits, prefix: str(ip_network((bits << 16, prefix), strict=False)),
    st.integers(0, 0xFFFF),
    st.integers(0, 32),
)
ENTRIES = st.builds(entry, NETWORKS, NETWORKS, protocol=st.sampled_from([0, 6]))


def lies_within(inner: SpdEntry, outer: SpdEntry) -> bool:
    return outer.local[0].covers(inner.local[0]) and outer.remote[0].covers(inner.remote[0])


@given(st.lists(ENTRIES, max_size=8))
def test_an_entry_never_stands_behind_one_that_contains_it(entries: list[SpdEntry]) -> None:
    ordered = most_specific_first(entries)
    for index, later in enumerate(ordered):
        for earlier in ordered[:index]:
            assert not lies_within(later, earlier) or breadth(later) == breadth(earlier)
