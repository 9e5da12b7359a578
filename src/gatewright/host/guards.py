"""The guards: an nftables table that keeps protected traffic from passing in clear.

This file makes text and touches nothing.  The packets' way through the table:

* ``outbound`` (postrouting, before source NAT): what the policy protects and does not leave by the
  tunnel is dropped.
* ``inbound`` (prerouting, before everything but reassembly): what the policy protects and does not
  come from the tunnel is dropped.  RFC 4301 section 5.2: a packet that should have been
  protected and was not is discarded.
* ``passing`` (forward, after destination NAT): the same as ``inbound`` for what address
  translation, a user's rule or a connection from before the policy, made protected; and what came
  out of the tunnel and is about to leave by an external interface, because the route to the
  internal network is gone, is dropped.
* ``errors_out``, ``errors_in``: ICMP errors that quote a protected packet (``host.quoted``).

What tells a packet of the tunnel depends on the engine: ``host.tunnelled``.

Exempt are IKE, ESP and AH of the gateway's own endpoints, which are the tunnel itself; neighbour
discovery (RFC 4861), which never leaves the link; and traffic within a home network, but not on
an external interface.

One change is one nftables transaction: the chains are emptied and filled again, so that no packet
sees a table without its rules, and counters keep their values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gatewright.host.names import HostNames
from gatewright.host.quoted import ERRORS, errors_about, errors_perhaps_about, quoted_ends
from gatewright.host.tunnelled import shown_by
from gatewright.ipsec.selectors import IPAddress, TrafficSelector
from gatewright.policy.compiled import Action, CompiledPolicy, SpdEntry
from gatewright.policy.flows import Flow, addresses, flows, home_networks, whole

ESP_AND_AH = "{ 50, 51 }"
IKE_PORTS = "{ 500, 4500 }"
OUT = "out"
IN = "in"
_HOOKS = {
    "outbound": " { type filter hook postrouting priority -150; policy accept; }",
    "inbound": " { type filter hook prerouting priority -300; policy accept; }",
    "passing": " { type filter hook forward priority -150; policy accept; }",
}


@dataclass(frozen=True, slots=True)
class GuardCounter:
    """One named counter of the table: packets of one SPD entry that a guard dropped."""

    name: str
    entry: str
    tunnel: str
    action: Action
    direction: str


def counters(policy: CompiledPolicy) -> tuple[GuardCounter, ...]:
    """The counters of a policy, in the order of the SPD."""
    return tuple(
        GuardCounter(counter_name(entry, way), entry.name, entry.tunnel, entry.action, way)
        for entry in policy.spd
        if entry.action is not Action.BYPASS
        for way in (OUT, IN)
    )


def counter_name(entry: SpdEntry, direction: str) -> str:
    return f"{entry.action.value}_{direction}_{entry.id}"


def ruleset(
    policy: CompiledPolicy,
    names: HostNames,
    external: Sequence[str] = (),
) -> str:
    """The transaction that makes the table be what the policy wants, whatever it was before.

    ``external`` are the interfaces towards the Internet (``outside.external_interfaces``).
    """
    table = f"inet {names.nft_table}"
    wanted = [each.name for each in counters(policy)]
    lines = [f"add table {table}"]
    lines += [f"add counter {table} {name}" for name in wanted]
    chains = {
        "errors_out": _errors(policy, OUT, external),
        "errors_in": _errors(policy, IN, external),
        "outbound": outbound_rules(policy, names, external),
        "inbound": inbound_rules(policy, names, external),
        "passing": passing_rules(policy, names, external),
    }
    lines += [f"add chain {table} {chain}{_HOOKS.get(chain, '')}" for chain in chains]
    lines += [f"flush chain {table} {chain}" for chain in chains]
    for chain, rules in chains.items():
        lines += [f"add rule {table} {chain} {rule}" for rule in rules]
    return "\n".join(lines) + "\n"


def superfluous(policy: CompiledPolicy, names: HostNames, existing: Iterable[str]) -> str:
    """The end of that transaction: of the counters that exist, those not wanted any more go."""
    wanted = {each.name for each in counters(policy)}
    gone = sorted(set(existing) - wanted)
    return "".join(f"delete counter inet {names.nft_table} {name}\n" for name in gone)


def removal(names: HostNames) -> str:
    """The transaction that removes the table, and succeeds when there is none."""
    return f"add table inet {names.nft_table}\ndelete table inet {names.nft_table}\n"


def outbound_rules(
    policy: CompiledPolicy, names: HostNames, external: Sequence[str] = ()
) -> Iterator[str]:
    # The kernel speaks of itself on every new link (MLD, IGMP): not traffic of the policy.
    yield f'oifname "{names.tun}" ip daddr 224.0.0.0/24 drop'
    yield f'oifname "{names.tun}" ip6 daddr ff02::/16 drop'
    for through in shown_by(policy.engine, names).leaving:
        yield f"{through} return"
    for endpoint in endpoints(policy):
        own = f"meta mark {names.mark:#x} {family(endpoint)} saddr {endpoint}"
        yield f"{own} udp sport {IKE_PORTS} return"
        yield f"{own} meta l4proto {ESP_AND_AH} return"
    yield NEIGHBOUR_DISCOVERY
    yield from _jumps("errors_out")
    yield from _entries(policy, OUT, external)


def inbound_rules(
    policy: CompiledPolicy, names: HostNames, external: Sequence[str] = ()
) -> Iterator[str]:
    for through in shown_by(policy.engine, names).arrived:
        yield f"{through} return"
    for endpoint in endpoints(policy):
        to_us = f"{family(endpoint)} daddr {endpoint}"
        yield f"{to_us} udp dport {IKE_PORTS} return"
        yield f"{to_us} meta l4proto {ESP_AND_AH} return"
        # Later fragments of IKE and ESP show no port.  Those of a clear packet find no first
        # fragment to be joined with, since that one is dropped.
        yield f"{to_us} {_later_fragment(endpoint.version)} return"
        # Path MTU of the tunnel itself (RFC 4301 section 8.2): routers on the way are no peers.
        if endpoint.version == 4:
            yield f"{to_us} icmp type destination-unreachable return"
        else:
            yield f"{to_us} icmpv6 type {{ destination-unreachable, packet-too-big }} return"
    yield NEIGHBOUR_DISCOVERY
    yield from _jumps("errors_in")
    yield from _entries(policy, IN, external)


def passing_rules(
    policy: CompiledPolicy, names: HostNames, external: Sequence[str] = ()
) -> Iterator[str]:
    through = shown_by(policy.engine, names)
    if external:
        strayed = f"{through.astray} oifname {_names(external)}"
        for entry in policy.spd:
            if entry.action is not Action.PROTECT:
                continue
            for one in flows(entry, inbound=True):
                # Where the local side has the Internet in it, this is the way out to there.
                if not _holds_endpoints(one.destination, policy):
                    yield f"{strayed} {match(one)} {_verdict(entry, OUT)}"
    for arrived in through.arrived:
        yield f"{arrived} return"
    yield from _jumps("errors_in")
    yield from _entries(policy, IN, external)


def _entries(policy: CompiledPolicy, direction: str, external: Sequence[str]) -> Iterator[str]:
    """The SPD in its order."""
    for entry in policy.spd:
        for home in _homes(entry):
            yield f"{_elsewhere(direction, external)}{_ends(home, home)} return"
        verdict = _verdict(entry, direction)
        for one in flows(entry, inbound=direction == IN):
            yield from _rules(one, verdict, entry)


def _errors(policy: CompiledPolicy, direction: str, external: Sequence[str]) -> Iterator[str]:
    """The SPD in its order, for ICMP errors: what left by the tunnel, or came by it, is quoted."""
    for entry in policy.spd:
        for home in _homes(entry):
            yield f"{_elsewhere(direction, external)}{quoted_ends(home, home)} return"
        verdict = _verdict(entry, direction)
        for one in flows(entry, inbound=direction == OUT):
            yield from (f"{quoted} {verdict}" for quoted in errors_about(one))
            if entry.action is not Action.BYPASS:
                yield from (f"{quoted} {verdict}" for quoted in errors_perhaps_about(one))


def _jumps(chain: str) -> Iterator[str]:
    yield from (f"{errors} jump {chain}" for errors in ERRORS.values())


def _homes(entry: SpdEntry) -> tuple[TrafficSelector, ...]:
    return home_networks(entry) if entry.action is Action.PROTECT else ()


def _elsewhere(direction: str, external: Sequence[str]) -> str:
    """Matches interfaces that are not external; where none is, all."""
    if not external:
        return ""
    return f"{'oifname' if direction == OUT else 'iifname'} != {_names(external)} "


def _names(interfaces: Sequence[str]) -> str:
    quoted = ", ".join(f'"{each}"' for each in interfaces)
    return f"{{ {quoted} }}"


def _holds_endpoints(selector: TrafficSelector, policy: CompiledPolicy) -> bool:
    whole_range = addresses(selector)
    return any(
        whole_range.contains(end)
        for connection in policy.connections
        for end in (connection.local, connection.remote)
    )


NEIGHBOUR_DISCOVERY = (
    "icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } "
    "ip6 hoplimit 255 return"
)


def endpoints(policy: CompiledPolicy) -> tuple[IPAddress, ...]:
    """The gateway's own outer addresses, each once."""
    return tuple(dict.fromkeys(connection.local for connection in policy.connections))


def family(address: IPAddress) -> str:
    return "ip" if address.version == 4 else "ip6"


def match(one: Flow) -> str:
    """The nftables expression for the packets of a flow."""
    parts = [_ends(one.source, one.destination)]
    if one.protocol:
        parts.append(f"meta l4proto {one.protocol}")
    if one.icmp:
        # Type and code are the first two octets of the header, as in a traffic selector.
        parts.append(f"@th,0,16 {_range(one.icmp)}")
    if one.source_ports:
        parts.append(f"th sport {_range(one.source_ports)}")
    if one.destination_ports:
        parts.append(f"th dport {_range(one.destination_ports)}")
    return " ".join(parts)


def _rules(one: Flow, verdict: str, entry: SpdEntry) -> Iterator[str]:
    yield f"{match(one)} {verdict}"
    if one.needs_transport_header and entry.action is not Action.BYPASS:
        fragment = _later_fragment(one.version)
        ends = _ends(one.source, one.destination)
        yield f"{ends} meta l4proto {one.protocol} {fragment} {verdict}"


def _verdict(entry: SpdEntry, direction: str) -> str:
    if entry.action is Action.BYPASS:
        return "return"
    return f"counter name {counter_name(entry, direction)} drop"


def _ends(source: TrafficSelector, destination: TrafficSelector) -> str:
    name = family(source.first)
    parts = []
    for side, selector in (("saddr", source), ("daddr", destination)):
        networks = selector.networks()
        if len(networks) > 1:
            parts.append(f"{name} {side} {selector.first}-{selector.last}")
        elif not whole(networks[0]):
            host = networks[0].prefixlen == networks[0].max_prefixlen
            parts.append(f"{name} {side} {selector.first if host else networks[0]}")
    return " ".join(parts) or f"meta nfproto {'ipv4' if source.version == 4 else 'ipv6'}"


def _later_fragment(version: int) -> str:
    return "ip frag-off & 0x1fff != 0" if version == 4 else "frag frag-off != 0"


def _range(numbers: tuple[int, int]) -> str:
    first, last = numbers
    return str(first) if first == last else f"{first}-{last}"
