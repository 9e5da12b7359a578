"""What the guards decide before the SPD: the tunnel itself, and what is no traffic of a policy.

Each base chain begins with a few rules that most packets fail at their first comparison; what
there is to say about the others stands in chains that these rules jump to.  A packet pays for each
rule that it meets, and most for names of interfaces and for sets.  So

* interfaces are told by their names only where they are no Ethernet: the TUN device and the
  loopback interface are none, and the type is a number;
* a set stands only where there is more than one address or interface, or behind a rule that few
  packets pass;
* of an IP version that the SPD does not speak of nothing is said, since nothing drops its packets.

In a chain that is jumped to ``accept`` ends the base chain, as its end does: the policy of each is
to accept.  ``return`` goes on behind the jump.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gatewright.host.expressions import (
    NEIGHBOUR_DISCOVERY,
    family,
    interfaces,
    later_fragment,
    one_of,
)
from gatewright.host.names import HostNames
from gatewright.host.quoted import ERRORS
from gatewright.host.tunnelled import Tunnelled
from gatewright.ipsec.selectors import IPAddress

_LOOPBACK = "lo"
_ICMP = {4: "icmp", 6: "ipv6-icmp"}
# Router discovery and what else the kernel says of itself on every new link: MLD, IGMP.
_LINK_LOCAL = {4: "ip daddr != 224.0.0.0/24", 6: "ip6 daddr != ff02::/16"}
# Path MTU of the tunnel itself (RFC 4301 section 8.2): routers on the way are no peers.
_PATH_ERRORS = {
    4: "icmp type destination-unreachable",
    6: "icmpv6 type { destination-unreachable, packet-too-big }",
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the exemptions depend on.

    ``endpoints``: the gateway's own outer addresses.  ``versions``: of the packets that the SPD
    speaks of.  ``strayed``: whether there is a chain of that name.
    """

    names: HostNames
    tunnelled: Tunnelled
    endpoints: Sequence[IPAddress]
    versions: Collection[int]
    external: Sequence[str]
    strayed: bool

    def of_own_addresses(self, side: str) -> Iterator[str]:
        """Matches packets to or from the own endpoints, one expression a version."""
        for version in sorted(self.versions):
            own = [each for each in self.endpoints if each.version == version]
            if own:
                yield f"{family(own[0])} {side} {one_of([str(each) for each in own])}"


def outbound(around: Surroundings) -> Iterator[str]:
    """The beginning of that base chain."""
    yield "oiftype != ether jump no_ether_out"
    if around.tunnelled.sealed:
        yield f"{around.tunnelled.sealed} jump sealed"
    for own in around.of_own_addresses("saddr"):
        yield f"meta mark {around.names.mark:#x} {own} jump ours"
    yield from _icmp(around, "icmp_out")


def inbound(around: Surroundings) -> Iterator[str]:
    """The beginning of that base chain."""
    yield "iiftype != ether jump no_ether_in"
    if not around.tunnelled.by_device:
        yield f"{around.tunnelled.arrived} accept"
    for own in around.of_own_addresses("daddr"):
        yield f"{own} jump to_us"
    yield from _icmp(around, "icmp_in")


def passing(around: Surroundings) -> Iterator[str]:
    """The beginning of that base chain."""
    if not around.tunnelled.by_device:
        yield f"{around.tunnelled.arrived} {_on_from_tunnel(around)}"
    yield "iiftype != ether jump no_ether_passing"
    yield from _icmp(around, "icmp_passing")


def chains(around: Surroundings) -> dict[str, list[str]]:
    """What the base chains jump to, by name; the chains ``errors_out`` and ``errors_in``, and
    ``strayed`` where there is one, are others'."""
    shows = around.tunnelled
    tun = f'iifname "{around.names.tun}"'
    loopback = f'iifname "{_LOOPBACK}" accept'
    made = {
        "no_ether_out": [
            f'oifname "{around.names.tun}" goto into_tunnel',
            f'oifname "{_LOOPBACK}" accept',
        ],
        "into_tunnel": [*(f"{each} accept" for each in _LINK_LOCAL.values()), "drop"],
        "sealed": [f"{each} accept" for each in shows.kept],
        "ours": _carrying("sport"),
        "icmp_out": [*_exempt_neighbours(around), *_errors(around, "errors_out")],
        "no_ether_in": [*([f"{tun} accept"] if shows.by_device else []), loopback],
        "to_us": [*_carrying("dport"), *_besides(around)],
        "icmp_in": [*_exempt_neighbours(around), *_errors(around, "errors_in")],
        "no_ether_passing": [
            *([f"{tun} {_on_from_tunnel(around)}"] if shows.by_device else []),
            loopback,
        ],
        "from_tunnel": [*_from_tunnel(around)],
        "icmp_passing": [*_errors(around, "errors_in")],
    }
    entered = _entered([*outbound(around), *inbound(around), *passing(around)], made)
    return {name: rules for name, rules in made.items() if name in entered}


def _entered(rules: Iterable[str], made: dict[str, list[str]]) -> set[str]:
    """The chains that these rules lead to, directly or not."""
    found = {rule.split()[-1] for rule in rules} & made.keys()
    further = {rule.split()[-1] for name in found for rule in made[name]} & made.keys()
    return found | further


def _icmp(around: Surroundings, chain: str) -> Iterator[str]:
    for version in sorted(around.versions):
        yield f"meta l4proto {_ICMP[version]} jump {chain}"


def _errors(around: Surroundings, chain: str) -> Iterator[str]:
    for version in sorted(around.versions):
        yield f"{ERRORS[version]} goto {chain}"


def _exempt_neighbours(around: Surroundings) -> Iterator[str]:
    if 6 in around.versions:
        yield f"{NEIGHBOUR_DISCOVERY} accept"


def _carrying(port: str) -> list[str]:
    """IKE, ESP and AH, the most frequent first."""
    return [
        f"udp {port} 4500 accept",
        "meta l4proto 50 accept",
        f"udp {port} 500 accept",
        "meta l4proto 51 accept",
    ]


def _besides(around: Surroundings) -> Iterator[str]:
    for version in sorted({each.version for each in around.endpoints} & {*around.versions}):
        # Later fragments of IKE and ESP show no port.  Those of a clear packet find no first
        # fragment to be joined with, since that one is dropped.
        yield f"{later_fragment(version)} accept"
        yield f"{_PATH_ERRORS[version]} accept"


def _on_from_tunnel(around: Surroundings) -> str:
    return "goto from_tunnel" if around.strayed else "accept"


def _from_tunnel(around: Surroundings) -> Iterator[str]:
    if around.strayed:
        where = f"oifname {interfaces(around.external)} goto strayed"
        yield f"{around.tunnelled.astray} {where}".lstrip()
    yield "accept"
