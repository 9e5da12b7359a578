"""Matches ICMP errors by the packet that they quote.

An error about a decrypted packet carries the first octets of it (RFC 792, RFC 4443 section 3), and
comes from whoever could not deliver it: a gateway that has no address in the protected network, a
router behind it.  By its own addresses it is not protected traffic; in clear it tells what is.
The reverse, an error from the Internet that quotes a protected packet, can only be forged, since
nobody there has seen one (RFC 4301 section 6).

Offsets are in bits from the ICMP header; the quoted packet begins after 64 of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.flows import AnyRange, Flow

ERRORS = {
    4: "icmp type { 3, 4, 5, 11, 12 }",
    6: "icmpv6 type 0-127",
}
_QUOTED = 64
_ADDRESSES = {4: (_QUOTED + 96, _QUOTED + 128, 32), 6: (_QUOTED + 64, _QUOTED + 192, 128)}
_PROTOCOL = {4: _QUOTED + 72, 6: _QUOTED + 48}
_TRANSPORT = {4: _QUOTED + 160, 6: _QUOTED + 320}
_EXTENSIONS = "{ 0, 43, 44, 60 }"
_PLAIN_IPV4 = "0x45"  # version 4, a header without options


def errors_about(one: Flow, ends: str) -> Iterator[str]:
    """Expressions for the ICMP errors that quote a packet of this flow.

    ``ends`` matches by the addresses: ``quoted_ends``, or a table that has them among others.
    """
    if not one.protocol:
        yield ends
        return
    protocol = f"{ends} @th,{_PROTOCOL[one.version]},8 {one.protocol}"
    if not one.needs_transport_header:
        yield protocol
        return
    plain = f" @th,{_QUOTED},8 {_PLAIN_IPV4}" if one.version == 4 else ""
    yield f"{protocol}{plain}{_ports(one)}"


def errors_perhaps_about(one: Flow, ends: str) -> Iterator[str]:
    """Expressions for those of which it cannot be told whether they do."""
    if one.version == 6 and one.protocol:
        yield f"{ends} @th,{_PROTOCOL[6]},8 {_EXTENSIONS}"
    elif one.needs_transport_header:
        protocol = f"{ends} @th,{_PROTOCOL[4]},8 {one.protocol}"
        yield f"{protocol} @th,{_QUOTED},8 != {_PLAIN_IPV4}"
        yield f"{protocol} @th,{_QUOTED + 48},16 & 0x1fff != 0"


def quoted_ends(source: TrafficSelector, destination: TrafficSelector) -> str:
    from_bit, to_bit, size = _ADDRESSES[source.version]
    parts = [ERRORS[source.version]]
    for bit, selector in ((from_bit, source), (to_bit, destination)):
        first, last = int(selector.first), int(selector.last)
        if last - first < 2**size - 1:
            parts.append(f"@th,{bit},{size} {_numbers((first, last), size // 4)}")
    return " ".join(parts)


def quoted_address(width: int, *, source: bool) -> str:
    """One address of the quoted packet; ``width`` is its size in bits."""
    bit = _ADDRESSES[4 if width == 32 else 6][0 if source else 1]
    return f"@th,{bit},{width}"


def _ports(one: Flow) -> str:
    bit = _TRANSPORT[one.version]
    parts = [
        f" @th,{at},16 {_numbers(numbers, 4)}"
        for at, numbers in (
            (bit, one.icmp or one.source_ports),
            (bit + 16, one.destination_ports),
        )
        if numbers is not None
    ]
    return "".join(parts)


def _numbers(numbers: AnyRange, digits: int) -> str:
    first, last = (f"0x{number:0{digits}x}" for number in numbers)
    return first if first == last else f"{first}-{last}"
