"""Tables of addresses in nftables: what a look-up with many members is made of.

A member is an element with the bits of its prefixes as key, and a packet is looked up by the same
bits of its addresses: one hash, not a comparison for each member.  For entries that drop, two maps
lead to the counter of the entry, one for each direction; the keys of both are local and remote, so
that the direction stands in the expression alone.  nftables has no such map for octets that are
quoted in an ICMP error: for these there is a set, and one counter for all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import islice

from gatewright.host.lookups import Lookup, Shape
from gatewright.host.quoted import quoted_address
from gatewright.policy.compiled import Action, SpdEntry
from gatewright.policy.flows import Flow

OUT = "out"
IN = "in"
LEAST = 8
"""Fewer members are written as rules, which people can read."""
FEW = 4
"""As many prefixes are compared one after the other sooner than one is looked up in a table."""
_ELEMENTS_A_LINE = 100
_ADDRESS_TYPES = {32: "ipv4_addr", 128: "ipv6_addr"}


@dataclass(frozen=True, slots=True)
class Table:
    """A set or map of the guards; ``definition`` is what stands between its braces."""

    kind: str
    name: str
    definition: str
    elements: tuple[str, ...]

    def transaction(self, table: str) -> Iterator[str]:
        """Lines that make it be what it should, whatever was in it."""
        yield f"add {self.kind} {table} {self.name} {{ {self.definition} }}"
        yield f"flush {self.kind} {table} {self.name}"
        elements = iter(self.elements)
        while some := list(islice(elements, _ELEMENTS_A_LINE)):
            yield f"add element {table} {self.name} {{ {', '.join(some)} }}"


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one look-up, and the expressions that ask them."""

    shape: Shape
    stem: str
    tables: tuple[Table, ...]
    few: tuple[tuple[bool, int], ...]
    """The prefixes of a side that has few of them, of which each member has one: whether it is
    the local side, and the bits."""

    def before(self, source_is_local: bool) -> list[str]:
        """What a packet has to match one of, to be in the table at all: most are not.

        One empty match where no side has few prefixes.
        """
        return [_header_prefix(self.shape, source_is_local, *each) for each in self.few] or [""]

    def passes(self, source_is_local: bool) -> str:
        """Matches the packets of a look-up that lets pass."""
        return f"{_header_key(self.shape, source_is_local)} @{self.stem}"

    def counts(self, source_is_local: bool, direction: str) -> str:
        """Matches the packets of a look-up that drops, and counts them for their entry."""
        key = _header_key(self.shape, source_is_local)
        return f"counter name {key} map @{self.stem}_{direction}"

    def quoted(self, source_is_local: bool) -> str:
        """Matches what quotes a packet of the look-up."""
        return f"{_quoted_key(self.shape, source_is_local)} @{self.stem}_quoted"


def tables(lookups: Sequence[Lookup]) -> list[Tables | None]:
    """For each look-up its tables, or None where its members are better written as rules."""
    used: Counter[str] = Counter()
    return [_of(each, used) if _worth_it(each) else None for each in lookups]


def counter_name(entry: SpdEntry, direction: str) -> str:
    return f"{entry.action.value}_{direction}_{entry.id}"


def errors_counter(action: Action, direction: str) -> str:
    """The counter of all ICMP errors that quote packets of entries which stand in tables."""
    return f"{action.value}_{direction}_errors"


def _worth_it(lookup: Lookup) -> bool:
    keyed = lookup.shape.local_bits or lookup.shape.remote_bits
    return lookup.tabular and bool(keyed) and len(lookup.members) >= LEAST


def _of(lookup: Lookup, used: Counter[str]) -> Tables:
    stem = _stem(lookup)
    used[stem] += 1
    if used[stem] > 1:
        stem = f"{stem}_{used[stem]}"
    shape = lookup.shape
    keys = [_key(shape, key) for key in lookup.members]
    entries = [member.entry for member in lookup.members.values()]
    made = []
    if shape.home or shape.action is Action.BYPASS:
        made.append(Table("set", stem, f"type {_header_type(shape)};", tuple(keys)))
    else:
        for direction in (OUT, IN):
            named = zip(keys, entries, strict=True)
            elements = tuple(f'{key} : "{counter_name(each, direction)}"' for key, each in named)
            definition = f"type {_header_type(shape)} : counter;"
            made.append(Table("map", f"{stem}_{direction}", definition, elements))
    quoted = tuple(_quoted_element(shape, key) for key in lookup.members)
    definition = f"typeof {_quoted_type(shape)};"
    made.append(Table("set", f"{stem}_quoted", definition, quoted))
    return Tables(shape, stem, tuple(made), _few(lookup))


def _few(lookup: Lookup) -> tuple[tuple[bool, int], ...]:
    sides = [
        tuple(dict.fromkeys((is_local, key[0 if is_local else 1]) for key in lookup.members))
        for is_local, _ in _sides(lookup.shape)
    ]
    least = min(sides, key=len)
    return least if len(least) <= FEW else ()


def _stem(lookup: Lookup) -> str:
    """All of the shape, so that tables of one name are of one type and for one kind of packet."""
    shape = lookup.shape
    parts = [
        "home" if shape.home else shape.action.value,
        "4" if shape.width == 32 else "6",
        f"{shape.local_bits}_{shape.remote_bits}",
        _transport(lookup.first.outbound),
    ]
    if lookup.first.inbound.icmp != lookup.first.outbound.icmp:
        parts.append(_transport(lookup.first.inbound))
    if shape.internet:
        parts.append("internet")
    return "_".join(filter(None, parts))


def _transport(one: Flow) -> str:
    if not one.protocol:
        return ""
    ranges = zip("sdi", (one.source_ports, one.destination_ports, one.icmp), strict=True)
    ports = [f"{letter}{each[0]}_{each[1]}" for letter, each in ranges if each is not None]
    return "_".join([f"p{one.protocol}", *ports])


def _sides(shape: Shape) -> Iterable[tuple[bool, int]]:
    """Whether it is the local one, and its bits, of the sides that are part of the key."""
    sides = ((True, shape.local_bits), (False, shape.remote_bits))
    return (side for side in sides if side[1])


def _header_type(shape: Shape) -> str:
    return " . ".join(_ADDRESS_TYPES[shape.width] for _ in _sides(shape))


def _quoted_type(shape: Shape) -> str:
    return " . ".join(quoted_address(shape.width, source=is_local) for is_local, _ in _sides(shape))


def _header_key(shape: Shape, source_is_local: bool) -> str:
    family = "ip" if shape.width == 32 else "ip6"
    parts = []
    for is_local, bits in _sides(shape):
        field = f"{family} {'saddr' if is_local is source_is_local else 'daddr'}"
        whole = bits == shape.width
        parts.append(field if whole else f"({field} & {_address(shape, _mask(shape, bits))})")
    return " . ".join(parts)


def _header_prefix(shape: Shape, source_is_local: bool, is_local: bool, bits: int) -> str:
    family = "ip" if shape.width == 32 else "ip6"
    field = "saddr" if is_local is source_is_local else "daddr"
    length = shape.local_bits if is_local else shape.remote_bits
    return f"{family} {field} {_address(shape, bits)}/{length}"


def _quoted_key(shape: Shape, source_is_local: bool) -> str:
    parts = []
    for is_local, bits in _sides(shape):
        field = quoted_address(shape.width, source=is_local is source_is_local)
        whole = bits == shape.width
        parts.append(field if whole else f"({field} & {_number(shape, _mask(shape, bits))})")
    return " . ".join(parts)


def _key(shape: Shape, key: tuple[int, int]) -> str:
    return " . ".join(_address(shape, key[0 if is_local else 1]) for is_local, _ in _sides(shape))


def _quoted_element(shape: Shape, key: tuple[int, int]) -> str:
    return " . ".join(_number(shape, key[0 if is_local else 1]) for is_local, _ in _sides(shape))


def _mask(shape: Shape, bits: int) -> int:
    return ((1 << bits) - 1) << (shape.width - bits)


def _address(shape: Shape, bits: int) -> str:
    return str(IPv4Address(bits) if shape.width == 32 else IPv6Address(bits))


def _number(shape: Shape, bits: int) -> str:
    return f"0x{bits:0{shape.width // 4}x}"
