"""Steering: which routing rules and routes lead protected packets into the TUN device.

This file plans and touches nothing.  Rules are looked at in the order of their priority, one after
the other for each packet; routes are found at once, however many there are:

1. packets of the gateway's own IKE and ESP sockets (by mark) go by the main table;
2. the packets of the SPD's entries go by the tunnel table (PROTECT) or the main table (BYPASS that
   stands before an overlapping PROTECT).  A local network with more than a few remote ones has one
   rule and a table of its own, in which those are routes, neighbours as one.  Neighbouring local
   networks with the same remote ones share a shorter prefix; where many are left that have one
   remote network, all packets to elsewhere are led around them: so is, decrypted, all that comes
   from there;
3. packets of the gateway itself that have no source address yet and go to a remote network get the
   gateway's address in the local network, so that they are what the policy protects.

Each table of the tunnel's has ``unreachable`` routes beneath: when the device vanishes, packets are
refused, with an ICMP error to the sender, and do not fall through to the main table.

Strict reverse path filtering lets decrypted packets in: the way back to their source is looked up
with the same rules, and leads to the device that they came from.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import IPv4Network, collapse_addresses, ip_network
from typing import cast
from zlib import crc32

from gatewright.host.names import HostError, HostNames
from gatewright.host.overlap import PairIndex, covering
from gatewright.ipsec.selectors import IPAddress, IPNetwork, TrafficSelector
from gatewright.policy.compiled import Action, CompiledPolicy, SpdEntry
from gatewright.policy.flows import AnyRange, Flow, addresses, flow, flows, home_networks

MAIN_TABLE = 254
TUN_METRIC = 10
LAST_METRIC = 2**32 - 1
LOOK_NOWHERE = 0
BEHIND = 2
"""Groups to go forward, past the one that follows."""
FEW = 4
"""So many remote networks of a local one are rules, which people can read."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy routing rule.  None, 0 and "" stand for any.

    Without a ``table`` it goes on with the rules from priority ``goto``, or with the next one.
    ``inverted``: it is for all packets but those that it describes.
    """

    version: int
    priority: int
    table: int
    source: IPNetwork | None = None
    destination: IPNetwork | None = None
    protocol: int = 0
    source_ports: AnyRange | None = None
    destination_ports: AnyRange | None = None
    mark: int = 0
    input_interface: str = ""
    goto: int = 0
    inverted: bool = False


class RouteKind(Enum):
    TUN = "tun"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Route:
    """A route in one of our tables; ``source`` is the address that the kernel chooses with it."""

    version: int
    table: int
    destination: IPNetwork
    kind: RouteKind
    metric: int = TUN_METRIC
    source: IPAddress | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    rules: tuple[Rule, ...]
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class LocalAddress:
    """An address of this machine and the interface that has it.

    ``dial_up``: the interface is a PPP link, what the article calls a remote access connection.
    """

    ip: IPAddress
    interface: str
    dial_up: bool = False


def plan(policy: CompiledPolicy, names: HostNames, local: Sequence[LocalAddress]) -> Plan:
    """The rules and routes that the policy wants on a machine with these addresses.

    Raises:
        HostError: permit and protect change places more often than there are priorities.
    """
    rules: list[Rule] = []
    routes: list[Route] = []
    for version in sorted({version for entry in policy.spd for version in _versions(entry)}):
        tables = _Tables(version, names)
        marked = Rule(version, 0, MAIN_TABLE, mark=names.mark)
        groups = [[marked]]
        for number, run in enumerate(_runs(policy.spd, version)):
            groups += _with_a_way_around(list(dict.fromkeys(_run_rules(run, number, tables))))
        groups += _own_traffic(policy, version, tables, local)
        rules += _numbered(groups, names)
        routes += _refused_without_device(version, names.tunnel_table, default(version))
        routes += tables.routes
    return Plan(tuple(rules), tuple(dict.fromkeys(routes)))


def default(version: int) -> IPNetwork:
    return ip_network("0.0.0.0/0") if version == 4 else ip_network("::/0")


def _versions(entry: SpdEntry) -> set[int]:
    return {each.version for each in entry.local} if entry.action is Action.PROTECT else set()


def _refused_without_device(version: int, table: int, network: IPNetwork) -> Iterator[Route]:
    yield Route(version, table, network, RouteKind.TUN)
    yield Route(version, table, network, RouteKind.UNREACHABLE, LAST_METRIC)


def _numbered(groups: Iterable[Iterable[Rule]], names: HostNames) -> Iterator[Rule]:
    """Priorities in order; ``goto`` was the number of groups to go forward.

    The rules of a group share one, since their order does not matter: so a tunnel that comes or
    goes does not renumber the others.
    """
    priority = names.first_priority - 1
    for group in groups:
        rules = list(group)
        priority += bool(rules)
        if priority > names.last_priority:
            raise HostError(
                "The policy needs more routing rules than there are priorities for "
                f"({names.last_priority}). Put permitted networks next to each other."
            )
        for rule in rules:
            goto = priority + rule.goto if rule.goto else 0
            yield replace(rule, priority=priority, goto=goto)


class _Tables:
    """Numbers of tables for networks, and the routes that were put into them.

    A number follows from what the table is for: a policy with one tunnel more has the others'.
    """

    def __init__(self, version: int, names: HostNames) -> None:
        self.version = version
        self.names = names
        self.routes: list[Route] = []
        self._taken: set[int] = set()

    def number(self, purpose: str) -> int:
        """Raises HostError."""
        count = self.names.last_table - self.names.first_table + 1
        if len(self._taken) == count:
            raise HostError(f"The policy needs more than {count} routing tables.")
        offset = crc32(purpose.encode()) % count
        while offset in self._taken:
            offset = (offset + 1) % count
        self._taken.add(offset)
        return self.names.first_table + offset


@dataclass(slots=True)
class _Run:
    """Flows that may be looked at in any order, since all go the same way."""

    protect: bool
    flows: list[Flow]


def _runs(spd: Sequence[SpdEntry], version: int) -> list[_Run]:
    """The SPD as runs: a flow comes after all that it overlaps of the other way.

    What is discarded has no way: the guards drop it, wherever it is routed.
    """
    runs: list[_Run] = []
    places: dict[bool, list[int]] = {True: [], False: []}
    indices = {True: PairIndex(), False: PairIndex()}
    for protect, one in _ways(spd, version):
        ends = covering(one.source), covering(one.destination)
        after = indices[not protect].last_overlapping(*ends)
        found = bisect_left(places[protect], after)
        if found == len(places[protect]):
            places[protect].append(len(runs))
            runs.append(_Run(protect, []))
        place = places[protect][found]
        runs[place].flows.append(one)
        indices[protect].add(*ends, place)
    return runs


def _ways(spd: Sequence[SpdEntry], version: int) -> list[tuple[bool, Flow]]:
    """Flows, and whether they are protected: those that are, and what passes in spite of them."""
    later = PairIndex()  # of what is protected by this entry or one that follows
    ways: list[tuple[bool, Flow]] = []
    for entry in reversed(spd):
        own = [each for each in flows(entry) if each.version == version]
        if entry.action is Action.PROTECT:
            ways += [(True, each) for each in reversed(own)]
            for each in own:
                later.add(covering(each.source), covering(each.destination), 0)
            home = [flow(each, each) for each in home_networks(entry) if each.version == version]
            ways += [(False, each) for each in reversed(home) if each is not None]
        elif entry.action is Action.BYPASS:
            ways += [
                (False, each)
                for each in reversed(own)
                if later.last_overlapping(covering(each.source), covering(each.destination)) >= 0
            ]
    ways.reverse()
    return ways


def _run_rules(run: _Run, number: int, tables: _Tables) -> Iterator[Rule]:
    way = tables.names.tunnel_table if run.protect else MAIN_TABLE
    rules = (rule for one in run.flows for rule in _flow_rules(one, way))
    for rule, networks in _with_fewer_sources(_by_destination(rules)):
        if len(networks) <= FEW or not run.protect:
            yield from (replace(rule, destination=_narrow(each)) for each in networks)
            continue
        table = tables.number(f"{number} {rule}")
        yield replace(rule, table=table)
        # All lead to the device.  A kernel finds one of ten thousand routes fast, but not in the
        # caches of the processor.
        for each in _collapsed(networks):
            tables.routes += _refused_without_device(tables.version, table, each)


def _by_destination(rules: Iterable[Rule]) -> dict[Rule, list[IPNetwork]]:
    """Rules that differ in the destination alone, as one without it, and the destinations."""
    found: dict[Rule, dict[IPNetwork, None]] = {}
    for rule in rules:
        network = rule.destination or default(rule.version)
        found.setdefault(replace(rule, destination=None), {})[network] = None
    return {rule: list(networks) for rule, networks in found.items()}


def _with_fewer_sources(
    rules: Mapping[Rule, Sequence[IPNetwork]],
) -> Iterator[tuple[Rule, Sequence[IPNetwork]]]:
    """Neighbouring sources with the same destinations as one: thousands of local networks of one
    size, each with the same remote one, are a handful of prefixes."""
    alike: dict[tuple[Rule, frozenset[IPNetwork]], list[Rule]] = {}
    for rule, networks in rules.items():
        key = replace(rule, source=None), frozenset(networks)
        alike.setdefault(key, []).append(rule)
    for (common, _), members in alike.items():
        networks = rules[members[0]]
        for source in _collapsed(each.source or default(each.version) for each in members):
            yield replace(common, source=_narrow(source)), networks


def _collapsed(networks: Iterable[IPNetwork]) -> Iterator[IPNetwork]:
    """``networks`` are of one IP version."""
    # The types of the standard library know one version at a time.
    return cast("Iterator[IPNetwork]", collapse_addresses(cast("Iterable[IPv4Network]", networks)))


def _narrow(network: IPNetwork) -> IPNetwork | None:
    return network if network.prefixlen else None


def _with_a_way_around(rules: list[Rule]) -> list[list[Rule]]:
    """As groups; many rules to one destination with one before them for all other packets."""
    destinations = {rule.destination for rule in rules}
    if len(rules) <= FEW or len(destinations) > 1 or None in destinations:
        return [rules]
    (destination,) = destinations
    elsewhere = Rule(
        rules[0].version, 0, LOOK_NOWHERE, destination=destination, inverted=True, goto=BEHIND
    )
    return _led_around([elsewhere], rules)


def _led_around(others: Sequence[Rule], rules: Sequence[Rule]) -> list[list[Rule]]:
    """As groups: ``others`` go ``BEHIND`` the rules."""
    return [list(others), list(rules), [Rule(rules[0].version, 0, LOOK_NOWHERE)]]


def _flow_rules(
    one: Flow, table: int, *, source: IPNetwork | None = None, input_interface: str = ""
) -> Iterator[Rule]:
    """One rule for each pair of prefixes.

    A rule cannot tell ICMP types apart: it sends them all, and the data plane decides.
    """
    sources = (source,) if source is not None else one.source.networks()
    for from_network in sources:
        for to_network in one.destination.networks():
            yield Rule(
                one.version,
                0,
                table,
                _narrow(from_network),
                _narrow(to_network),
                one.protocol,
                one.source_ports,
                one.destination_ports,
                input_interface=input_interface,
            )


def _own_traffic(
    policy: CompiledPolicy, version: int, tables: _Tables, local: Sequence[LocalAddress]
) -> list[list[Rule]]:
    """Rules that give the gateway's own packets an address in the local network.

    Only for packets whose source is not chosen yet: who binds to another address means it, and
    the policy does not speak of that.
    """
    sources: dict[Rule, dict[IPNetwork, IPAddress]] = {}
    inside = _Inside(local, policy.internal_interface)
    for entry in policy.spd:
        if entry.action is not Action.PROTECT or home_networks(entry):
            continue
        for selector in entry.local:
            address = inside.address_in(selector)
            if selector.version != version or address is None:
                continue
            for one in filter(None, (flow(selector, remote) for remote in entry.remote)):
                rules = _flow_rules(
                    one, tables.names.source_table, source=default(version), input_interface="lo"
                )
                for rule, networks in _by_destination(rules).items():
                    for each in networks:
                        sources.setdefault(rule, {}).setdefault(each, address)
    few: list[Rule] = []
    many: list[list[Rule]] = []
    for rule, by_network in sources.items():
        table = tables.names.source_table
        if len(by_network) <= FEW:
            few += [replace(rule, destination=_narrow(each)) for each in by_network]
        else:
            table = tables.number(f"source {rule}")
            many += _unbound([replace(rule, table=table)])
        tables.routes += [
            Route(version, table, each, RouteKind.TUN, source=address)
            for each, address in by_network.items()
        ]
    return [*_unbound(few), *many]


def _unbound(rules: Sequence[Rule]) -> list[list[Rule]]:
    """The rules for packets without a source address.

    An IPv6 rule with a source matches only packets that have one: two halves of the address space
    first take those away that are bound, what is left has none.
    """
    if not rules:
        return []
    if rules[0].version == 4:
        return [[replace(rule, source=ip_network("0.0.0.0/32")) for rule in rules]]
    halves = (ip_network("::/1"), ip_network("8000::/1"))
    bound = [Rule(6, 0, LOOK_NOWHERE, half, input_interface="lo", goto=BEHIND) for half in halves]
    return _led_around(bound, rules)


class _Inside:
    """The addresses of this machine, those of the internal interface first."""

    def __init__(self, local: Sequence[LocalAddress], preferred: str | None) -> None:
        self._local = sorted(local, key=lambda each: each.interface != preferred)
        self._found: dict[TrafficSelector, IPAddress | None] = {}

    def address_in(self, selector: TrafficSelector) -> IPAddress | None:
        whole = addresses(selector)
        if whole not in self._found:
            inside = (each.ip for each in self._local if whole.contains(each.ip))
            self._found[whole] = next(inside, None)
        return self._found[whole]
