"""Evaluates the guards' rules on a packet, as nftables would: a reader for what they are made of.

It knows the expressions that entries of an SPD become, in chains without jumps, and fails on any
other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from gatewright.ipsec.selectors import IPAddress

PASSED = "passed"
_TOKEN = re.compile(r"\([^)]*\)|\{[^}]*\}|\S+")


@dataclass(frozen=True, slots=True)
class Packet:
    source: IPAddress
    destination: IPAddress
    protocol: int = 17
    source_port: int = 1
    destination_port: int = 2
    later_fragment: bool = False


class Tables:
    """Sets and maps, filled by the lines of a transaction."""

    def __init__(self, transaction: str) -> None:
        self._elements: dict[str, dict[tuple[IPAddress, ...], str]] = {}
        for line in transaction.splitlines():
            found = re.match(r"add element inet \S+ (\S+) \{ (.*) \}$", line)
            if found and not found[1].endswith("_quoted"):
                table = self._elements.setdefault(found[1], {})
                for element in found[2].split(", "):
                    key, _, counter = element.partition(" : ")
                    addresses = tuple(ip_address(each) for each in key.split(" . "))
                    assert addresses not in table, "an element is there twice"
                    table[addresses] = counter.strip('"')

    def find(self, name: str, key: tuple[IPAddress, ...]) -> str | None:
        return self._elements[name].get(key)


def decide(rules: Iterable[str], tables: Tables, packet: Packet) -> str:
    """The counter of the rule that drops the packet, or PASSED."""
    for rule in rules:
        verdict = _Rule(rule, tables, packet).verdict()
        if verdict is not None:
            return verdict
    return PASSED


class _Rule:
    def __init__(self, rule: str, tables: Tables, packet: Packet) -> None:
        self._tokens = _TOKEN.findall(rule)
        self._tables = tables
        self._packet = packet
        self._counter = ""

    def verdict(self) -> str | None:
        while self._tokens:
            token = self._tokens.pop(0)
            if token == "return":
                return PASSED
            if token == "drop":
                return self._counter
            if not self._step(token):
                return None
        raise AssertionError("a rule has a verdict")

    def _step(self, token: str) -> bool:
        packet = self._packet
        if token == "counter":
            assert self._tokens.pop(0) == "name"
            return self._count()
        if token.startswith("("):
            return self._look_up(token)
        field = self._tokens.pop(0)
        if token == "meta" and field == "l4proto":
            return int(self._tokens.pop(0)) == packet.protocol
        if token == "meta" and field == "nfproto":
            return bool(self._tokens.pop(0) == f"ipv{packet.source.version}")
        if token == "th":
            port = packet.source_port if field == "sport" else packet.destination_port
            first, _, last = self._tokens.pop(0).partition("-")
            return not packet.later_fragment and int(first) <= port <= int(last or first)
        if field == "frag-off":
            while self._tokens.pop(0) != "!=":
                pass
            assert self._tokens.pop(0) == "0"
            return packet.later_fragment
        assert token in ("ip", "ip6"), token
        if self._tokens[0] in (".",) or self._tokens[0].startswith("@"):
            return self._look_up(f"{token} {field}")
        return self._compare(token, field, self._tokens.pop(0))

    def _compare(self, family: str, field: str, value: str) -> bool:
        address = self._address(family, field)
        first, dash, last = value.partition("-")
        if address is None:
            return False
        if dash:
            return int(ip_address(first)) <= int(address) <= int(ip_address(last))
        return address in ip_network(value)

    def _count(self) -> bool:
        """``counter name X``, or by a key and a map."""
        token = self._tokens.pop(0)
        if token in ("ip", "ip6"):
            token = f"{token} {self._tokens.pop(0)}"
        elif not token.startswith("("):
            self._counter = token
            return True
        return self._look_up(token)

    def _look_up(self, first: str) -> bool:
        parts = [first]
        while self._tokens[0] == ".":
            self._tokens.pop(0)
            part = self._tokens.pop(0)
            parts.append(part if part.startswith("(") else f"{part} {self._tokens.pop(0)}")
        if self._tokens[0] == "map":
            self._tokens.pop(0)
        name = self._tokens.pop(0)
        assert name.startswith("@")
        key = []
        for part in parts:
            family, field, *mask = part.strip("()").replace("& ", "").split()
            address = self._address(family, field)
            if address is None:
                return False
            bits = int(address) & int(ip_address(mask[0])) if mask else int(address)
            key.append(type(address)(bits))
        found = self._tables.find(name[1:], tuple(key))
        self._counter = found or ""
        return found is not None

    def _address(self, family: str, field: str) -> IPAddress | None:
        packet = self._packet
        if packet.source.version != (4 if family == "ip" else 6):
            return None
        return packet.source if field == "saddr" else packet.destination
