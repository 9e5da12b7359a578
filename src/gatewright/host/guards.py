"""The guards: an nftables table that keeps protected traffic from passing in clear.

This file makes text and touches nothing.  The packets' way through the table:

* ``outbound`` (postrouting, before source NAT): what the policy protects and does not leave by the
  tunnel is dropped.
* ``untranslated`` (source NAT, before anybody else's): what the kernel is about to protect keeps
  its source, else it would be in clear from there on.  Only with the kernel as engine.
* ``inbound`` (prerouting, before everything but reassembly): what the policy protects and does not
  come from the tunnel is dropped.  RFC 4301 section 5.2: a packet that should have been
  protected and was not is discarded.
* ``passing`` (forward, after destination NAT): the same as ``inbound`` for what address
  translation, a user's rule or a connection from before the policy, made protected; and what came
  out of the tunnel and is about to leave by an external interface, because the route to the
  internal network is gone, is dropped.
* ``errors_out``, ``errors_in``: ICMP errors that quote a protected packet (``host.quoted``).

What is exempt is told first, in chains of its own (``host.exempt``).  Then each goes through the
SPD in its order, as look-ups (``host.lookups``): of a policy
with thousands of entries a packet meets few rules, which ask tables (``host.tables``).

What tells a packet of the tunnel depends on the engine: ``host.tunnelled``.

Exempt are IKE, ESP and AH of the gateway's own endpoints, which are the tunnel itself; neighbour
discovery (RFC 4861), which never leaves the link; and traffic within a home network, but not on
an external interface.

One change is one nftables transaction: chains and tables are emptied and filled again, so that no
packet sees one without its contents, and counters keep their values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gatewright.host import exempt
from gatewright.host.expressions import ends, interfaces, later_fragment, transport
from gatewright.host.lookups import Lookup, Member, lookups
from gatewright.host.names import HostNames
from gatewright.host.netfilter import Contents
from gatewright.host.quoted import ERRORS, errors_about, errors_perhaps_about, quoted_ends
from gatewright.host.tables import IN, OUT, Tables, counter_name, errors_counter, tables
from gatewright.host.tunnelled import shown_by
from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.compiled import Action, CompiledPolicy
from gatewright.policy.flows import Flow

_HOOKS = {
    "outbound": " { type filter hook postrouting priority -150; policy accept; }",
    "untranslated": " { type nat hook postrouting priority 50; policy accept; }",
    "inbound": " { type filter hook prerouting priority -300; policy accept; }",
    "passing": " { type filter hook forward priority -150; policy accept; }",
}


@dataclass(frozen=True, slots=True)
class GuardCounter:
    """One named counter of the table: packets of one SPD entry that a guard dropped.

    ICMP errors that quote packets of entries which stand in tables have a counter of their own:
    ``entry`` says so, ``tunnel`` is empty.
    """

    name: str
    entry: str
    tunnel: str
    action: Action
    direction: str


@dataclass(frozen=True, slots=True)
class Step:
    """A look-up, and its tables if it has any."""

    lookup: Lookup
    tables: Tables | None

    @property
    def passes(self) -> bool:
        return self.lookup.shape.home or self.lookup.shape.action is Action.BYPASS


@dataclass(frozen=True, slots=True)
class Ruleset:
    """The guards of a policy: the transaction that makes the table be what the policy wants,
    whatever it was before, and what there is afterwards."""

    text: str
    counters: frozenset[str]
    tables: frozenset[tuple[str, str]]  # "set" or "map", and the name
    elements: int
    chains: Mapping[str, Sequence[str]]

    def superfluous(self, names: HostNames, existing: Contents) -> str:
        """The end of that transaction: of what exists, what is not wanted any more goes."""
        table = f"inet {names.nft_table}"
        chains = [f"chain {table} {name}" for name in sorted(existing.chains - {*self.chains})]
        tables = [f"{kind} {table} {name}" for kind, name in sorted(existing.tables - self.tables)]
        counters = [f"counter {table} {name}" for name in sorted(existing.counters - self.counters)]
        # Emptied first, all of them: what a rule names cannot be deleted.
        lines = [f"flush {each}" for each in chains]
        lines += [f"delete {each}" for each in (*chains, *tables, *counters)]
        return "".join(f"{line}\n" for line in lines)


def counters(policy: CompiledPolicy) -> tuple[GuardCounter, ...]:
    """The counters of a policy, in the order of the SPD."""
    return _counters(policy, steps(policy))


def steps(policy: CompiledPolicy) -> tuple[Step, ...]:
    planned = lookups(policy)
    return tuple(Step(*each) for each in zip(planned, tables(planned), strict=True))


def ruleset(
    policy: CompiledPolicy,
    names: HostNames,
    external: Sequence[str] = (),
) -> Ruleset:
    """``external`` are the interfaces towards the Internet (``outside.external_interfaces``)."""
    table = f"inet {names.nft_table}"
    way = steps(policy)
    wanted = [each.name for each in _counters(policy, way)]
    made = [each for step in way if step.tables for each in step.tables.tables]
    chains = _chains(policy, way, names, external)
    lines = [f"add table {table}"]
    lines += [f"add counter {table} {name}" for name in wanted]
    lines += [f"add chain {table} {chain}{_HOOKS.get(chain, '')}" for chain in chains]
    lines += [f"flush chain {table} {chain}" for chain in chains]
    lines += [line for each in made for line in each.transaction(table)]
    for chain, rules in chains.items():
        lines += [f"add rule {table} {chain} {rule}" for rule in rules]
    return Ruleset(
        "\n".join(lines) + "\n",
        frozenset(wanted),
        frozenset((each.kind, each.name) for each in made),
        sum(len(each.elements) for each in made),
        chains,
    )


def _chains(
    policy: CompiledPolicy, way: Sequence[Step], names: HostNames, external: Sequence[str]
) -> dict[str, Sequence[str]]:
    strayed = [*_strayed(way, external)]
    around = exempt.Surroundings(
        names,
        shown_by(policy.engine, names),
        endpoints(policy),
        {step.lookup.first.outbound.version for step in way},
        external,
        bool(strayed),
    )
    chains: dict[str, Sequence[str]] = {
        "outbound": [*exempt.outbound(around), *_entries(way, OUT, external)],
        "inbound": [*exempt.inbound(around), *_entries(way, IN, external)],
        "passing": [*exempt.passing(around), *_entries(way, IN, external)],
        **exempt.chains(around),
        "errors_out": [*_errors(way, OUT, external)],
        "errors_in": [*_errors(way, IN, external)],
    }
    if strayed:
        chains["strayed"] = [*strayed, "accept"]
    if around.tunnelled.untranslated:
        chains["untranslated"] = around.tunnelled.untranslated
    return chains


def removal(names: HostNames) -> str:
    """The transaction that removes the table, and succeeds when there is none."""
    return f"add table inet {names.nft_table}\ndelete table inet {names.nft_table}\n"


def endpoints(policy: CompiledPolicy) -> tuple[IPAddress, ...]:
    """The gateway's own outer addresses, each once."""
    return tuple(dict.fromkeys(connection.local for connection in policy.connections))


def _counters(policy: CompiledPolicy, way: Sequence[Step]) -> tuple[GuardCounter, ...]:
    of_entries = [
        GuardCounter(counter_name(each, where), each.name, each.tunnel, each.action, where)
        for each in policy.spd
        if each.action is not Action.BYPASS
        for where in (OUT, IN)
    ]
    in_tables = {step.lookup.shape.action for step in way if step.tables and not step.passes}
    of_errors = [
        GuardCounter(errors_counter(action, where), about, "", action, where)
        for action, about in _ERRORS_ABOUT.items()
        if action in in_tables
        for where in (OUT, IN)
    ]
    return (*of_entries, *of_errors)


_ERRORS_ABOUT = {
    Action.PROTECT: "ICMP errors about protected packets",
    Action.DISCARD: "ICMP errors about blocked packets",
}


def _strayed(way: Sequence[Step], external: Sequence[str]) -> Iterator[str]:
    """What came out of the tunnel and leaves by an external interface."""
    for step in way if external else ():
        shape = step.lookup.shape
        # Where the local side has the Internet in it, this is the way out to there.
        if shape.action is Action.PROTECT and not (shape.home or shape.internet):
            for aim in _aims(step, arriving=True, counted=OUT):
                yield " ".join(filter(None, (aim.ends, *transport(aim.flow), aim.verdict)))


def _entries(way: Sequence[Step], direction: str, external: Sequence[str]) -> Iterator[str]:
    """The SPD in its order."""
    for step in way:
        where = _elsewhere(direction, external) if step.lookup.shape.home else ""
        for aim in _aims(step, arriving=direction == IN, counted=direction):
            match = " ".join(filter(None, (aim.ends, *transport(aim.flow))))
            yield f"{where}{match} {aim.verdict}".lstrip()
            if aim.flow.needs_transport_header and not step.passes:
                fragment = f"meta l4proto {aim.flow.protocol} {later_fragment(aim.flow.version)}"
                yield f"{aim.ends} {fragment} {aim.verdict}".lstrip()


def _errors(way: Sequence[Step], direction: str, external: Sequence[str]) -> Iterator[str]:
    """The SPD in its order, for ICMP errors: what left by the tunnel, or came by it, is quoted."""
    for step in way:
        where = _elsewhere(direction, external) if step.lookup.shape.home else ""
        for aim in _quoted_aims(step, arriving=direction == OUT, counted=direction):
            yield from (f"{where}{one} {aim.verdict}" for one in errors_about(aim.flow, aim.ends))
            if not step.passes:
                doubtful = errors_perhaps_about(aim.flow, aim.ends)
                yield from (f"{one} {aim.verdict}" for one in doubtful)


@dataclass(frozen=True, slots=True)
class _Aim:
    """``ends`` matches addresses, of one member or all of a look-up; ``flow`` has what else there
    is to match, and ``verdict`` what becomes of the packets."""

    ends: str
    flow: Flow
    verdict: str


def _aims(step: Step, *, arriving: bool, counted: str) -> Iterator[_Aim]:
    if step.tables is None:
        for member in step.lookup.members.values():
            one = _flow(member, arriving=arriving)
            yield _Aim(ends(one.source, one.destination), one, _verdict(step, member, counted))
        return
    one = _flow(step.lookup.first, arriving=arriving)
    for before in step.tables.before(not arriving):
        if step.passes:
            match = f"{before} {step.tables.passes(not arriving)}".lstrip()
            yield _Aim(match, one, "return")
        else:
            yield _Aim(before, one, f"{step.tables.counts(not arriving, counted)} drop")


def _quoted_aims(step: Step, *, arriving: bool, counted: str) -> Iterator[_Aim]:
    if step.tables is None:
        for member in step.lookup.members.values():
            one = _flow(member, arriving=arriving)
            quoted = quoted_ends(one.source, one.destination)
            yield _Aim(quoted, one, _verdict(step, member, counted))
        return
    one = _flow(step.lookup.first, arriving=arriving)
    quoted = f"{ERRORS[one.version]} {step.tables.quoted(not arriving)}"
    counter = errors_counter(step.lookup.shape.action, counted)
    yield _Aim(quoted, one, "return" if step.passes else f"counter name {counter} drop")


def _flow(member: Member, *, arriving: bool) -> Flow:
    return member.inbound if arriving else member.outbound


def _verdict(step: Step, member: Member, direction: str) -> str:
    if step.passes:
        return "return"
    return f"counter name {counter_name(member.entry, direction)} drop"


def _elsewhere(direction: str, external: Sequence[str]) -> str:
    """Matches interfaces that are not external; where none is, all."""
    if not external:
        return ""
    return f"{'oifname' if direction == OUT else 'iifname'} != {interfaces(external)} "
