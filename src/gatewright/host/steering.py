"""Steering: which routing rules and routes lead protected packets into the TUN device.

This file plans and touches nothing.  Rules are looked at in the order of their priority:

1. packets of the gateway's own IKE and ESP sockets (by mark) go by the main table;
2. for each SPD entry in order, its packets go by the tunnel table (PROTECT) or the main table
   (BYPASS that stands before an overlapping PROTECT);
3. packets of the gateway itself that have no source address yet and go to a remote network get the
   gateway's address in the local network, so that they are what the policy protects.

The tunnel table ends in an ``unreachable`` route: when the device vanishes, packets are refused,
with an ICMP error to the sender, and do not fall through to the main table.

Strict reverse path filtering lets decrypted packets in: the way back to their source is looked up
with the same rules, and leads to the device that they came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import ip_network

from gatewright.host.names import HostError, HostNames
from gatewright.ipsec.selectors import IPAddress, IPNetwork, TrafficSelector
from gatewright.policy.compiled import Action, CompiledPolicy, SpdEntry
from gatewright.policy.flows import AnyRange, Flow, addresses, flow, flows, home_networks

MAIN_TABLE = 254
TUN_METRIC = 10
LAST_METRIC = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy routing rule.  None, 0 and "" stand for any."""

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
        marked = Rule(version, 0, MAIN_TABLE, mark=names.mark)
        entries = dict.fromkeys(_entry_rules(policy.spd, version, names))
        own, own_routes = _own_traffic(policy, version, names, local)
        rules += _numbered([[marked], entries, own], names)
        routes += own_routes
        routes.append(Route(version, names.tunnel_table, default(version), RouteKind.TUN))
        routes.append(
            Route(version, names.tunnel_table, default(version), RouteKind.UNREACHABLE, LAST_METRIC)
        )
    return Plan(tuple(rules), tuple(dict.fromkeys(routes)))


def default(version: int) -> IPNetwork:
    return ip_network("0.0.0.0/0") if version == 4 else ip_network("::/0")


def _versions(entry: SpdEntry) -> set[int]:
    return {each.version for each in entry.local} if entry.action is Action.PROTECT else set()


def _numbered(groups: Iterable[Iterable[Rule]], names: HostNames) -> Iterator[Rule]:
    """Priorities in order.

    Neighbours that lead to the same table share one, since their order does not matter: so a
    tunnel that comes or goes does not renumber the others.
    """
    priority = names.first_priority - 1
    for group in groups:
        table = None
        for rule in group:
            if rule.table != table:
                table = rule.table
                priority += 1
            if priority > names.last_priority:
                raise HostError(
                    "The policy needs more routing rules than there are priorities for "
                    f"({names.last_priority}). Put permitted networks next to each other."
                )
            yield replace(rule, priority=priority)


def _entry_rules(spd: Sequence[SpdEntry], version: int, names: HostNames) -> Iterator[Rule]:
    for index, entry in enumerate(spd):
        if entry.action is Action.DISCARD:
            continue  # the guards drop it, whichever way it is routed
        if entry.action is Action.BYPASS and not _hides_protection(entry, spd[index + 1 :]):
            continue
        table = names.tunnel_table if entry.action is Action.PROTECT else MAIN_TABLE
        if entry.action is Action.PROTECT:
            for home in home_networks(entry):
                inside = flow(home, home)
                if inside is not None and inside.version == version:
                    yield from _flow_rules(inside, MAIN_TABLE)
        for one in flows(entry):
            if one.version == version:
                yield from _flow_rules(one, table)


def _hides_protection(entry: SpdEntry, later: Sequence[SpdEntry]) -> bool:
    return any(
        other.action is Action.PROTECT
        and any(a.intersection(b) for a in entry.local for b in other.local)
        and any(a.intersection(b) for a in entry.remote for b in other.remote)
        for other in later
    )


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
                from_network if from_network.prefixlen else None,
                to_network if to_network.prefixlen else None,
                one.protocol,
                one.source_ports,
                one.destination_ports,
                input_interface=input_interface,
            )


def _own_traffic(
    policy: CompiledPolicy, version: int, names: HostNames, local: Sequence[LocalAddress]
) -> tuple[list[Rule], list[Route]]:
    """Rules and routes that give the gateway's own packets an address in the local network.

    Only for packets whose source is not chosen yet: who binds to another address means it, and
    the policy does not speak of that.
    """
    rules: list[Rule] = []
    routes: list[Route] = []
    for entry in policy.spd:
        if entry.action is not Action.PROTECT or home_networks(entry):
            continue
        for selector in entry.local:
            address = _address_in(selector, local, policy.internal_interface)
            if selector.version != version or address is None:
                continue
            for remote in entry.remote:
                one = flow(selector, remote)
                if one is None:
                    continue
                rules += _unbound_rules(one, names)
                routes += [
                    Route(version, names.source_table, network, RouteKind.TUN, source=address)
                    for network in addresses(remote).networks()
                ]
    # Those that lead past the tunnel first: each is for other destinations than the next.
    rules.sort(key=lambda rule: rule.table != MAIN_TABLE)
    return list(dict.fromkeys(rules)), _first_by_destination(routes)


def _unbound_rules(one: Flow, names: HostNames) -> Iterator[Rule]:
    if one.version == 4:
        unbound = ip_network("0.0.0.0/32")
        yield from _flow_rules(one, names.source_table, source=unbound, input_interface="lo")
        return
    # An IPv6 rule with a source matches only packets that have one: two halves of the address
    # space first take those away that are bound, what is left has none.
    for half in (ip_network("::/1"), ip_network("8000::/1")):
        yield from _flow_rules(one, MAIN_TABLE, source=half, input_interface="lo")
    any_source = default(6)
    yield from _flow_rules(one, names.source_table, source=any_source, input_interface="lo")


def _address_in(
    selector: TrafficSelector, local: Sequence[LocalAddress], preferred: str | None
) -> IPAddress | None:
    inside = [each for each in local if addresses(selector).contains(each.ip)]
    inside.sort(key=lambda each: each.interface != preferred)
    return inside[0].ip if inside else None


def _first_by_destination(routes: Sequence[Route]) -> list[Route]:
    first: dict[IPNetwork, Route] = {}
    for route in routes:
        first.setdefault(route.destination, route)
    return list(first.values())
