"""The guards as a whole decide as is written here, packet by packet; an evaluator stands for
nftables."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gatewright.host import guards, tables
from gatewright.host.names import HostNames
from gatewright.host.tables import IN, OUT, counter_name
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Action, CompiledPolicy, Engine, SpdEntry
from gatewright.policy.flows import flow, flows
from tests.support.nft_model import PASSED, Packet, Tables, walk
from tests.support.policies import connection, entry, policy
from tests.unit.host.test_quoted import error4, error6
from tests.unit.host.test_tables import at_home, matches, policies

NAMES = HostNames()
TUN, LOOPBACK, EXTERNAL = NAMES.tun, "lo", "wan"
DROPPED = ""  # without a counter
A, B = "192.168.10.0/24", "10.20.0.0/24"
HERE, THERE, OURS, PEER = (
    ip_address(each) for each in ("192.168.10.2", "10.20.0.2", "203.0.113.1", "203.0.113.2")
)


# What is expected, as the packets' way is described in host/guards.py.


def outbound(wanted: CompiledPolicy, packet: Packet, external: tuple[str, ...]) -> str:
    if packet.oif == TUN:
        return DROPPED if is_link_local(packet) else PASSED
    if packet.oif == LOOPBACK or will_be_sealed(wanted, packet):
        return PASSED
    ours = packet.mark == NAMES.mark and packet.source in guards.endpoints(wanted)
    if (ours and carries_tunnel(packet, packet.source_port)) or is_neighbour_discovery(packet):
        return PASSED
    return judged(wanted, packet, OUT, at_home_there=packet.oif not in external)


def inbound(wanted: CompiledPolicy, packet: Packet, external: tuple[str, ...]) -> str:
    if has_arrived(wanted, packet) or is_neighbour_discovery(packet):
        return PASSED
    if packet.destination in guards.endpoints(wanted) and (
        carries_tunnel(packet, packet.destination_port)
        or packet.later_fragment
        or is_path_error(packet)
    ):
        return PASSED
    return judged(wanted, packet, IN, at_home_there=packet.iif not in external)


def passing(wanted: CompiledPolicy, packet: Packet, external: tuple[str, ...]) -> str:
    if has_arrived(wanted, packet):
        kernel = wanted.engine is Engine.KERNEL
        came = packet.decrypted if kernel else packet.iif == TUN
        if came and packet.oif in external and not (kernel and packet.to_be_sealed):
            return strayed(wanted, packet)
        return PASSED
    return judged(wanted, packet, IN, at_home_there=packet.iif not in external)


CHAINS = {"outbound": outbound, "inbound": inbound, "passing": passing}


def is_link_local(packet: Packet) -> bool:
    return str(packet.destination).startswith(("224.0.0.", "ff02:"))


def will_be_sealed(wanted: CompiledPolicy, packet: Packet) -> bool:
    return wanted.engine is Engine.KERNEL and packet.to_be_sealed and packet.connection != "snat"


def has_arrived(wanted: CompiledPolicy, packet: Packet) -> bool:
    if packet.iif == LOOPBACK:
        return True
    return packet.decrypted if wanted.engine is Engine.KERNEL else packet.iif == TUN


def carries_tunnel(packet: Packet, port: int) -> bool:
    if packet.protocol == 17:
        return port in (500, 4500) and not packet.later_fragment
    return packet.protocol in (50, 51)


def icmp_type(packet: Packet) -> int:
    own = 1 if packet.source.version == 4 else 58
    return packet.icmp[0] if packet.protocol == own and not packet.later_fragment else -1


def is_neighbour_discovery(packet: Packet) -> bool:
    v6 = packet.source.version == 6
    return v6 and icmp_type(packet) in (133, 134, 135, 136) and packet.hop_limit == 255


def is_path_error(packet: Packet) -> bool:
    return icmp_type(packet) in ((3,) if packet.source.version == 4 else (1, 2))


def judged(wanted: CompiledPolicy, packet: Packet, way: str, *, at_home_there: bool) -> str:
    """By the packet that an ICMP error quotes, and by its own header."""
    errors = (3, 4, 5, 11, 12) if packet.source.version == 4 else range(128)
    if icmp_type(packet) in errors:
        found = by_spd(wanted, quoted(packet), way, at_home_there=at_home_there, quotes=True)
        if found != PASSED:
            return found
    return by_spd(wanted, packet, way, at_home_there=at_home_there)


def by_spd(
    wanted: CompiledPolicy, packet: Packet, way: str, *, at_home_there: bool, quotes: bool = False
) -> str:
    for each in wanted.spd:
        if at_home_there and at_home(each, packet):
            return PASSED
        passes = each.action is Action.BYPASS
        for one in flows(each, inbound=(way == IN) != quotes):
            if matches(one, packet, doubt=not passes):
                return PASSED if passes else counter_name(each, way)
    return PASSED


def strayed(wanted: CompiledPolicy, packet: Packet) -> str:
    ends = {end for each in wanted.connections for end in (each.local, each.remote)}
    for each in wanted.spd:
        for local in each.local if each.action is Action.PROTECT else ():
            if any(TrafficSelector(local.first, local.last).contains(end) for end in ends):
                continue  # the Internet is at home there, and this is the way to it
            found = [flow(remote, local) for remote in each.remote]
            if any(one is not None and matches(one, packet, doubt=False) for one in found):
                return counter_name(each, OUT)
    return PASSED


# Packets of every kind, between addresses of the policies and others.

_V4 = ("10.0.1.8", "10.0.1.9", "10.0.2.8", "10.0.2.78", "10.0.3.1", "203.0.113.1")
_V6 = ("fd00:1::1", "fd00:1::2", "2001:db8::1")
_ENDPOINTS = ("10.0.1.8", "203.0.113.1", "fd00:1::1", "2001:db8::1")
_PORTS = (1, 53, 80, 500, 4500)
_MULTICAST = {4: ip_address("224.0.0.22"), 6: ip_address("ff02::16")}
_INTERFACES = ("lan", EXTERNAL, EXTERNAL, TUN, LOOPBACK, "ppp0")


def packets(seed: int, number: int) -> Iterator[Packet]:
    chance = random.Random(seed)
    for _ in range(number):
        yield _packet(chance)


def _packet(chance: random.Random) -> Packet:
    pool = [ip_address(each) for each in chance.choice((_V4, _V6))]
    source, destination = chance.choice(pool), chance.choice(pool)
    if chance.random() < 0.1:
        destination = _MULTICAST[source.version]
    protocol = chance.choice((17, 17, 17, 6, 50, 51, 47, 1, 1, 58, 58))
    return Packet(
        source,
        destination,
        protocol,
        chance.choice(_PORTS),
        chance.choice(_PORTS),
        later_fragment=chance.random() < 0.2,
        iif=chance.choice(_INTERFACES),
        oif=chance.choice(_INTERFACES),
        mark=chance.choice((0, 1, NAMES.mark, NAMES.mark)),
        hop_limit=chance.choice((64, 255)),
        icmp=_message(chance) if protocol in (1, 58) else b"",
        decrypted=chance.random() < 0.3,
        to_be_sealed=chance.random() < 0.3,
        connection=chance.choice(("", "snat")),
    )


def _message(chance: random.Random) -> bytes:
    """An ICMP error of either version, or something else."""
    kind = chance.choice((0, 1, 2, 3, 4, 5, 8, 11, 12, 13, 127, 128, 133, 134, 135, 136, 137))
    protocol, ports = chance.choice((6, 17, 47)), (chance.choice((1, 53, 80)), 53)
    if chance.random() < 0.5:
        return error4(chance.choice(_V4), chance.choice(_V4), protocol, ports, kind=kind)
    return error6(chance.choice(_V6), chance.choice(_V6), protocol, ports, kind=kind)


def quoted(packet: Packet) -> Packet:
    """What guards read where they expect the quoted packet."""
    octets = packet.icmp[8:]
    v4 = packet.source.version == 4
    ends = (octets[12:16], octets[16:20]) if v4 else (octets[8:24], octets[24:40])
    source, destination = (ip_address(each) for each in ends)
    ports = octets[20:] if v4 else octets[40:]
    sport, dport = int.from_bytes(ports[:2], "big"), int.from_bytes(ports[2:4], "big")
    return Packet(source, destination, octets[9 if v4 else 6], sport, dport)


def well_formed(packet: Packet) -> bool:
    """No error that quotes a packet of the other version, which would be read as garbage."""
    return not packet.icmp or packet.icmp[8] >> 4 == packet.source.version


@st.composite
def surroundings(draw: st.DrawFn) -> tuple[CompiledPolicy, tuple[str, ...]]:
    ends = draw(st.lists(st.sampled_from(_ENDPOINTS), max_size=4, unique=True))
    wanted = replace(
        draw(policies()),
        connections=tuple(connection((), each, each, "198.51.100.9") for each in ends),
        engine=draw(st.sampled_from((Engine.USER_SPACE, Engine.KERNEL))),
    )
    return wanted, draw(st.sampled_from(((), (EXTERNAL,), (EXTERNAL, "ppp0"))))


def one_tunnel(*entries: SpdEntry, engine: Engine = Engine.USER_SPACE) -> CompiledPolicy:
    return replace(policy(*entries or (entry(7, A, B),)), engine=engine)


@settings(max_examples=150)
@given(surroundings(), st.integers(0, 2**32))
@example((one_tunnel(), (EXTERNAL,)), 1)
@example((one_tunnel(entry(7, "0.0.0.0/0", "0.0.0.0/0"), entry(8, "::/0", "::/0")), ()), 2)
def test_each_packet_has_the_outcome_that_is_written_here(
    around: tuple[CompiledPolicy, tuple[str, ...]], seed: int
) -> None:
    wanted, external = around
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "LEAST", 1000)
        made = guards.ruleset(wanted, NAMES, external)
    filled = Tables(made.text)
    for packet in filter(well_formed, packets(seed, 60)):
        for chain, expected in CHAINS.items():
            found, _ = walk(made.chains, chain, filled, packet)
            assert found == expected(wanted, packet, external), (chain, packet)


def met(chain: str, packet: Packet) -> int:
    made = guards.ruleset(one_tunnel(), NAMES, (EXTERNAL,))
    verdict, rules = walk(made.chains, chain, Tables(made.text), packet)
    assert verdict == PASSED
    return rules


def test_a_packet_meets_few_rules() -> None:
    """The cost of a packet: who adds a rule for all of them should know it."""
    clear = Packet(HERE, THERE)
    assert (met("inbound", clear), met("passing", replace(clear, oif=TUN))) == (4, 3)
    assert met("outbound", replace(clear, oif=TUN)) == 3
    assert met("inbound", Packet(PEER, OURS, 17, 4500, 4500, iif=EXTERNAL)) == 3
    assert met("inbound", Packet(PEER, OURS, 50, iif=EXTERNAL)) == 4
    assert met("outbound", Packet(OURS, PEER, 17, 4500, 4500, mark=NAMES.mark)) == 3
    decrypted = Packet(THERE, HERE, iif=TUN, oif="lan")
    assert (met("inbound", decrypted), met("passing", decrypted)) == (2, 4)
    assert met("outbound", decrypted) == 4
    unrelated = Packet(HERE, PEER)
    assert [met(chain, unrelated) for chain in CHAINS] == [4, 4, 3]


@pytest.mark.parametrize("kind", [133, 134, 135, 136])
def test_neighbour_discovery_is_exempt_on_the_link_alone(kind: int) -> None:
    wanted = one_tunnel(entry(7, A, B), entry(8, "::/0", "::/0"))
    made = guards.ruleset(wanted, NAMES, (EXTERNAL,))
    ends = ip_address("fd00::1"), ip_address("fd00::2")
    asks = Packet(*ends, 58, hop_limit=255, icmp=bytes([kind, 0]) + bytes(62))
    found = {chain: walk(made.chains, chain, Tables(made.text), asks)[0] for chain in CHAINS}
    assert found == {"outbound": PASSED, "inbound": PASSED, "passing": "protect_in_8"}
    for chain, counter in (("outbound", "protect_out_8"), ("inbound", "protect_in_8")):
        from_afar = replace(asks, hop_limit=254)
        assert walk(made.chains, chain, Tables(made.text), from_afar)[0] == counter


def test_of_a_version_that_the_policy_does_not_speak_of_nothing_is_said() -> None:
    text = guards.ruleset(one_tunnel(), NAMES, (EXTERNAL,)).text
    assert "icmpv6" not in text
    assert "ipv6-icmp" not in text
    both = one_tunnel(entry(7, A, B), entry(8, "fd00:a::/64", "fd00:b::/64"))
    assert "meta l4proto ipv6-icmp jump icmp_in" in guards.ruleset(both, NAMES).text


def test_several_endpoints_are_one_comparison_a_version() -> None:
    wanted = replace(
        one_tunnel(entry(7, A, B), entry(8, "fd00:a::/64", "fd00:b::/64")),
        connections=tuple(connection((), each, each, "198.51.100.9") for each in _ENDPOINTS),
    )
    chains = guards.ruleset(wanted, NAMES).chains
    assert [rule for rule in chains["inbound"] if "to_us" in rule] == [
        "ip daddr { 10.0.1.8, 203.0.113.1 } jump to_us",
        "ip6 daddr { fd00:1::1, 2001:db8::1 } jump to_us",
    ]
    assert [rule for rule in chains["outbound"] if "ours" in rule] == [
        "meta mark 0x4757 ip saddr { 10.0.1.8, 203.0.113.1 } jump ours",
        "meta mark 0x4757 ip6 saddr { fd00:1::1, 2001:db8::1 } jump ours",
    ]


def test_every_chain_is_entered_and_every_jump_leads_somewhere() -> None:
    for engine in (Engine.USER_SPACE, Engine.KERNEL):
        for external in ((), (EXTERNAL,)):
            chains = guards.ruleset(one_tunnel(engine=engine), NAMES, external).chains
            rules = [rule.split() for each in chains.values() for rule in each]
            targets = {words[-1] for words in rules if words[-2:-1] in (["jump"], ["goto"])}
            assert targets | {*CHAINS, "untranslated"} == {*chains, "untranslated"}
