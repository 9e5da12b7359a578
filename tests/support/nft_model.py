"""Evaluates the guards' rules on a packet, as nftables would: a reader for what they are made of.

It knows the expressions that the guards are made of, but for tables of quoted addresses, and fails
on any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from gatewright.ipsec.selectors import IPAddress

PASSED = "passed"
_TOKEN = re.compile(r"\([^)]*\)|\{[^}]*\}|\S+")
_JUMPS = ("jump", "goto")
_PROTOCOLS = {"icmp": 1, "ipv6-icmp": 58}
_TYPES = {
    "destination-unreachable": {4: 3, 6: 1},
    "packet-too-big": {6: 2},
    "nd-router-solicit": {6: 133},
    "nd-router-advert": {6: 134},
    "nd-neighbor-solicit": {6: 135},
    "nd-neighbor-advert": {6: 136},
}
_NO_ETHERNET = ("gatewright0", "lo", "ppp0")
_STATES = {
    ("meta", "mark"),
    ("meta", "ipsec"),
    ("rt", "ipsec"),
    ("ct", "status"),
    ("ct", "direction"),
    ("ct", "state"),
}


@dataclass(frozen=True, slots=True)
class Packet:
    source: IPAddress
    destination: IPAddress
    protocol: int = 17
    source_port: int = 1
    destination_port: int = 2
    later_fragment: bool = False
    iif: str = "lan"
    oif: str = "wan"
    mark: int = 0
    hop_limit: int = 64
    icmp: bytes = b""  # the message, type and code and what is quoted
    decrypted: bool = False  # by the kernel
    to_be_sealed: bool = False  # by the kernel
    connection: str = ""  # "snat", "reply" or "untracked"


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


def walk(
    chains: Mapping[str, Sequence[str]], base: str, tables: Tables, packet: Packet
) -> tuple[str, int]:
    """The same for a base chain and what it jumps to, and how many rules the packet met."""
    met = 0
    waiting: list[list[str]] = []
    rules = [*chains[base]]
    while True:
        if not rules:
            if not waiting:
                return PASSED, met
            rules = waiting.pop()
            continue
        rule = _Rule(rules.pop(0), tables, packet)
        met += 1
        verdict = rule.verdict()
        if verdict == PASSED and rule.ended_by == "return":
            rules = []
        elif verdict is not None:
            return verdict, met
        elif rule.ended_by in _JUMPS:
            if rule.ended_by == "jump":
                waiting.append(rules)
            rules = [*chains[rule.target]]


class _Rule:
    def __init__(self, rule: str, tables: Tables, packet: Packet) -> None:
        self._tokens: list[str] = _TOKEN.findall(rule)
        self._tables = tables
        self._packet = packet
        self._counter = ""
        self.ended_by = ""
        self.target = ""

    def verdict(self) -> str | None:
        while self._tokens:
            token = self._tokens.pop(0)
            if token in ("return", "accept", "drop"):
                self.ended_by = token
                return self._counter if token == "drop" else PASSED
            if token in _JUMPS:
                self.ended_by, self.target = token, self._tokens.pop(0)
                return None
            if not self._step(token):
                return None
        raise AssertionError("a rule has a verdict")

    def _step(self, token: str) -> bool:
        """Whether the packet passes the expression that begins with this token."""
        if token == "counter":
            assert self._tokens.pop(0) == "name"
            return self._count()
        if token.startswith("("):
            return self._look_up(token)
        if token in ("iiftype", "oiftype", "iifname", "oifname"):
            return self._interface(token)
        if token.startswith("@th,"):
            return self._quoted(token)
        field = self._tokens.pop(0)
        if (token, field) in _STATES:
            return self._state(token, field)
        if token in ("icmp", "icmpv6"):
            return self._icmp_type(4 if token == "icmp" else 6)
        if field in ("l4proto", "sport", "dport"):
            return self._transport(token, field)
        return self._header(token, field)

    def _transport(self, token: str, field: str) -> bool:
        packet, wanted = self._packet, self._tokens.pop(0)
        if field == "l4proto":
            return packet.protocol in [_number(each) for each in wanted.strip("{}").split(",")]
        if packet.later_fragment or (token == "udp" and packet.protocol != 17):
            return False
        return _among(packet.source_port if field == "sport" else packet.destination_port, wanted)

    def _header(self, token: str, field: str) -> bool:
        packet = self._packet
        if token == "meta":
            assert field == "nfproto"
            return self._tokens.pop(0) == f"ipv{packet.source.version}"
        if field == "hoplimit":
            return packet.source.version == 6 and int(self._tokens.pop(0)) == packet.hop_limit
        if field == "frag-off":
            while self._tokens.pop(0) != "!=":
                pass
            assert self._tokens.pop(0) == "0"
            return packet.later_fragment and packet.source.version == (4 if token == "ip" else 6)
        assert token in ("ip", "ip6"), token
        if self._tokens[0] in (".",) or self._tokens[0].startswith("@"):
            return self._look_up(f"{token} {field}")
        return self._compare(token, field, self._tokens.pop(0))

    def _interface(self, field: str) -> bool:
        name = self._packet.iif if field.startswith("iif") else self._packet.oif
        negated = self._tokens[0] == "!="
        wanted = self._tokens.pop(1 if negated else 0)
        if negated:
            self._tokens.pop(0)
        if field.endswith("type"):
            assert wanted == "ether"
            return (name not in _NO_ETHERNET) != negated
        return (name in [each.strip(' "') for each in wanted.strip("{}").split(",")]) != negated

    def _state(self, token: str, field: str) -> bool:
        packet = self._packet
        if token == "meta" and field == "mark":
            return int(self._tokens.pop(0), 16) == packet.mark
        if token == "ct":
            if field == "status":
                assert [self._tokens.pop(0) for _ in range(4)] == ["&", "snat", "==", "0"]
                return packet.connection != "snat"
            return self._tokens.pop(0) == packet.connection
        found = packet.decrypted if token == "meta" else packet.to_be_sealed
        return found == (self._tokens.pop(0) == "exists")

    def _icmp_type(self, version: int) -> bool:
        packet = self._packet
        wanted = self._tokens.pop(0)
        if packet.source.version != version or packet.later_fragment:
            return False
        if packet.protocol != _PROTOCOLS["icmp" if version == 4 else "ipv6-icmp"]:
            return False
        return any(
            _TYPES[each][version] == packet.icmp[0]
            if each in _TYPES
            else _among(packet.icmp[0], each)
            for each in wanted.strip("{}").replace(" ", "").split(",")
        )

    def _quoted(self, field: str) -> bool:
        """Octets of the message."""
        _, offset, length = field.split(",")
        at = int(offset) // 8
        number = int.from_bytes(self._packet.icmp[at : at + int(length) // 8], "big")
        if self._tokens[0] == "&":
            number &= int(self._tokens.pop(1), 0)
            self._tokens.pop(0)
        negated = self._tokens[0] == "!="
        if negated:
            self._tokens.pop(0)
        return _among(number, self._tokens.pop(0)) != negated

    def _compare(self, family: str, field: str, value: str) -> bool:
        address = self._address(family, field)
        negated = value == "!="
        if negated:
            value = self._tokens.pop(0)
        if address is None:
            return False
        several = value.strip("{} ").split(", ")
        return any(self._within(address, each) for each in several) != negated

    @staticmethod
    def _within(address: IPAddress, value: str) -> bool:
        first, dash, last = value.partition("-")
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


def _number(protocol: str) -> int:
    return _PROTOCOLS.get(protocol.strip()) or int(protocol)


def _among(number: int, values: str) -> bool:
    for each in values.strip("{} ").split(","):
        first, _, last = each.strip().partition("-")
        if int(first, 0) <= number <= int(last or first, 0):
            return True
    return False
