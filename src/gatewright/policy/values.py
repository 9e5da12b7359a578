"""Converters of single values: a node of the tree to a number, an address, an identity.

Each returns the value or raises ``InvalidValueError`` with what is wrong, why, and what to write.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Mapping as Table
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeVar

from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.compiled import Identity, IdentityType
from gatewright.policy.model import AddressKind, AddressSpec, Endpoint, Ports
from gatewright.policy.protocols import IP_PROTOCOLS
from gatewright.policy.reading import InvalidValueError, name_problem, nearest, shown
from gatewright.policy.yaml_tree import Node, Scalar

E = TypeVar("E", bound=Enum)

MAX_TEXT = 1000
_TRUE = frozenset({"yes", "true", "on"})
_FALSE = frozenset({"no", "false", "off"})
_NONE = frozenset({"none", "off", "no"})
_SECRET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_DNS_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)", re.ASCII)
_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?", re.ASCII)


def scalar(node: Node) -> str:
    """The text of a value that must not be a list, a mapping or empty."""
    if not isinstance(node, Scalar):
        raise InvalidValueError(
            "a single value is wanted, not a list or mapping", "", "write one value", node.place
        )
    if not node.text.strip():
        raise InvalidValueError(
            "there is no value", "a key without value has no meaning", "add the value"
        )
    if len(node.text) > MAX_TEXT:
        raise InvalidValueError(
            "the value is too long", f"at most {MAX_TEXT} characters fit", "shorten it"
        )
    return node.text.strip()


def text(node: Node) -> str:
    """Free text: line breaks become spaces, other control characters are refused."""
    words = " ".join(scalar(node).split())
    if not words.isprintable():
        raise InvalidValueError(
            "the text has control characters", "it is shown on terminals", "remove them"
        )
    return words


def name(node: Node) -> str:
    """A name that the administrator gives."""
    word = scalar(node)
    problem = name_problem(word)
    if problem is not None:
        raise InvalidValueError(f"the name {problem}", "", "write a short printable name")
    return word


def boolean(node: Node) -> bool:
    word = scalar(node).lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise InvalidValueError(f"{shown(word)} is neither yes nor no", "", "write `yes` or `no`")


def integer(low: int, high: int) -> Callable[[Node], int]:
    def convert(node: Node) -> int:
        word = scalar(node).replace("_", "")
        if not (word.isascii() and word.isdigit() and len(word) < 19):
            raise InvalidValueError(
                f"{shown(word)} is not a whole number", "", f"write {low} to {high}"
            )
        number = int(word)
        if not low <= number <= high:
            raise InvalidValueError(f"{number} is out of range", "", f"write {low} to {high}")
        return number

    return convert


def choice(enum: type[E]) -> Callable[[Node], E]:
    """One of an enum's values, as text."""
    values = {str(member.value): member for member in enum}

    def convert(node: Node) -> E:
        return one_of(values, node)

    return convert


V = TypeVar("V")


def one_of(values: Table[str, V], node: Node) -> V:
    word = scalar(node).lower()
    found = values.get(word)
    if found is not None:
        return found
    near = nearest(word, values)
    raise InvalidValueError(
        f"{shown(word)} is not one of {', '.join(values)}",
        "",
        f"write `{near}`" if near else f"write one of {', '.join(values)}",
    )


def duration(node: Node) -> int:
    """Seconds, from `8h`, `1h30m`, `45s` or a plain number of seconds."""
    word = scalar(node).lower().replace(" ", "")
    match = _DURATION.fullmatch(word)
    if match is None or not any(match.groups()):
        raise InvalidValueError(
            f"{shown(word)} is not a length of time",
            "",
            "write seconds, or for example `8h`, `90m`, `1h30m`",
        )
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if total > 0xFFFFFFFF:
        raise InvalidValueError(
            "the time is too long", "lifetimes have 32 bits of seconds", "shorten it"
        )
    return total


def kilobytes(node: Node) -> int:
    """A count of kilobytes (1024 octets); `none` and 0 mean no limit."""
    if isinstance(node, Scalar) and node.text.strip().lower() in _NONE:
        return 0
    return integer(0, 0xFFFFFFFF)(node)


def secret_name(node: Node) -> str:
    """The name of a preshared key.  A refused value is not repeated: it may be the key itself."""
    name = scalar(node)
    if _SECRET_NAME.fullmatch(name) is None or name.lower().startswith("0x"):
        raise InvalidValueError(
            "the value cannot be the name of a secret (and is not shown here)",
            "a policy names the preshared key, and the key itself lies elsewhere, since a policy "
            "is read, copied and reviewed by people who need not know it",
            "write a name of letters, digits, `.`, `_` and `-`, and put the key into "
            "/etc/gatewright/secrets/NAME with mode 0600",
        )
    return name


def interface(node: Node) -> str:
    name = scalar(node)
    # Linux: IFNAMSIZ is 16 with the closing zero; no slash, no white space.
    if len(name) > 15 or "/" in name or not name.isprintable() or not name.isascii() or " " in name:
        raise InvalidValueError(
            f"{shown(name)} cannot be the name of an interface",
            "Linux allows 15 characters, without spaces and slashes",
            "write a name that `ip link` shows",
        )
    return name


def endpoint(node: Node) -> Endpoint:
    """An address, or ``dns:NAME``."""
    word = scalar(node)
    if word.lower().startswith("dns:"):
        return Endpoint(None, dns_name(word[4:]))
    address = _address(word)
    if address is None:
        raise InvalidValueError(
            f"{shown(word)} is not an IP address",
            "a tunnel endpoint is the address of one gateway",
            f"write an address, or `dns:{word}` for a DNS name"
            if _looks_like_name(word)
            else "write an address such as 203.0.113.1 or 2001:db8::1",
        )
    if address.is_unspecified or address.is_multicast or address.is_loopback:
        raise InvalidValueError(
            f"{address} cannot be a gateway's address",
            "it does not name one gateway on the Internet",
            "write the address of the gateway's external interface",
        )
    return Endpoint(address)


def network(node: Node) -> AddressSpec:
    """A source, a destination or a tunnel's network."""
    word = scalar(node)
    lower = word.lower()
    if lower in ("any", "me"):
        return AddressSpec(AddressKind(lower))
    if lower.startswith("dns:"):
        return AddressSpec(AddressKind.NAME, name=dns_name(word[4:]))
    if "/" in word:
        found = _network(word)
        return AddressSpec(AddressKind.RANGE, found.network_address, found.broadcast_address)
    if "-" in word and (span := _range(word)) is not None:
        return AddressSpec(AddressKind.RANGE, *span)
    address = _address(word)
    if address is not None:
        return AddressSpec(AddressKind.RANGE, address, address)
    near = nearest(word, ("any", "me"))
    raise InvalidValueError(
        f"{shown(word)} is no address",
        "",
        f"write `{near}`"
        if near
        else "write an address, a subnet (192.168.10.0/24), a range, `any`, `me`, or `dns:NAME`",
    )


def identity(node: Node) -> Identity:
    """``203.0.113.1``, ``gw.example.org``, ``admin@example.org``, ``key-id:0a1b``."""
    word = scalar(node)
    kind, _, rest = word.partition(":")
    address = _address(word)
    if address is not None:
        return Identity(IdentityType.ADDRESS, str(address))
    if kind == IdentityType.KEY_ID.value:
        octets = rest.lower().removeprefix("0x")
        if not re.fullmatch(r"(?:[0-9a-f]{2}){1,255}", octets, re.ASCII):
            raise InvalidValueError(
                "a key id is an even number of hex digits", "", "write `key-id:0a1b`"
            )
        return Identity(IdentityType.KEY_ID, octets)
    if kind == IdentityType.ADDRESS.value and _address(rest) is not None:
        return Identity(IdentityType.ADDRESS, str(_address(rest)))
    if kind in (IdentityType.FQDN.value, IdentityType.EMAIL.value):
        word = rest
    else:
        kind = IdentityType.EMAIL.value if "@" in word else IdentityType.FQDN.value
    if kind == IdentityType.EMAIL.value:
        user, _, domain = word.rpartition("@")
        if not user or not user.isascii() or not user.isprintable() or " " in user:
            raise InvalidValueError(
                f"{shown(word)} is not user@domain", "", "write for example `email:gw@example.org`"
            )
        return Identity(IdentityType.EMAIL, f"{user}@{dns_name(domain)}")
    return Identity(IdentityType.FQDN, dns_name(word))


def protocol(node: Node) -> int:
    word = scalar(node).lower()
    if word == "any":
        return 0
    if word.isascii() and word.isdigit():
        return integer(0, 255)(node)
    return one_of(IP_PROTOCOLS, node)


def ports(node: Node) -> Ports:
    word = scalar(node).lower()
    if word == "any":
        return Ports()
    first, dash, last = (part.strip() for part in word.partition("-"))
    numbers = (first, last if dash else first)
    if not all(part.isascii() and part.isdigit() and len(part) < 6 for part in numbers):
        raise InvalidValueError(f"{shown(word)} is no port", "", "write `any`, 443, or 1000-2000")
    low, high = int(numbers[0]), int(numbers[1])
    if not low <= high <= 65535:
        raise InvalidValueError(
            f"{shown(word)} is no range of ports", "", "write `any`, 443, or 1000-2000"
        )
    return Ports(low, high)


def dns_name(name: str) -> str:
    name = name.strip().rstrip(".")
    if not name or len(name) > 253 or not all(_DNS_LABEL.fullmatch(p) for p in name.split(".")):
        raise InvalidValueError(
            f"{shown(name)} is not a DNS name",
            "a name has labels of letters, digits and hyphens (RFC 1123 section 2.1)",
            "write for example gw.example.org",
        )
    return name.lower()


def _looks_like_name(word: str) -> bool:
    return "." in word and any(c.isalpha() for c in word) and ":" not in word and "/" not in word


def _address(word: str) -> IPAddress | None:
    try:
        address = ip_address(word.strip("[]"))
    except ValueError:
        return None
    # A scope (fe80::1%eth0) means nothing to a peer.
    return None if "%" in word else address


def _network(word: str) -> IPv4Network | IPv6Network:
    if "%" in word:
        raise InvalidValueError("a subnet has no interface", "", "remove what follows the % sign")
    try:
        return ip_network(word, strict=True)
    except ValueError:
        pass
    try:
        wider = ip_network(word, strict=False)
    except ValueError:
        raise InvalidValueError(
            f"{shown(word)} is no subnet",
            "a subnet is an address, a slash, and a prefix length or mask",
            "write for example 192.168.10.0/24 or 192.168.10.0/255.255.255.0",
        ) from None
    raise InvalidValueError(
        f"{shown(word)} is an address inside a subnet, not the subnet",
        f"bits behind the prefix are set; the subnet is {wider}",
        f"write {wider}, or {wider.network_address.__class__(word.partition('/')[0])} for one host",
    )


def _range(word: str) -> tuple[IPAddress, IPAddress] | None:
    first, last = (_address(part.strip()) for part in word.split("-", 1))
    if first is None or last is None:
        return None
    if isinstance(first, IPv4Address) != isinstance(last, IPv4Address) or int(first) > int(last):
        raise InvalidValueError(
            f"{shown(word)} is no range",
            "a range runs upwards between two addresses of one IP version",
            "write the lower address first",
        )
    return first, last
