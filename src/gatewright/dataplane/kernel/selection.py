"""Traffic selectors as the kernel has them: prefixes, and ports under a mask.

A range that is no prefix becomes several.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_network

from gatewright.dataplane.kernel.layout import ANY_PORT, KernelSelector, Masked
from gatewright.ipsec.selectors import IPNetwork, TrafficSelector
from gatewright.policy.flows import AnyRange, Flow

_BITS = 16
_ALL = 0xFFFF


def kernel_selectors(one: Flow) -> Iterator[KernelSelector]:
    """Selectors that together hold exactly the packets of a flow."""
    ports = list(_port_pairs(one))
    for source in one.source.networks():
        for destination in one.destination.networks():
            for source_port, destination_port in ports:
                yield KernelSelector(
                    source, destination, one.protocol, source_port, destination_port
                )


def covering(flows: Iterable[Flow]) -> KernelSelector | None:
    """The smallest one selector that holds all packets of these flows.

    None where there is none: no flow, or flows of both IP versions.
    """
    every = [selector for one in flows for selector in kernel_selectors(one)]
    if not every or len({each.source.version for each in every}) > 1:
        return None
    protocols = {each.protocol for each in every}
    protocol = protocols.pop() if len(protocols) == 1 else 0
    return KernelSelector(
        _supernet(each.source for each in every),
        _supernet(each.destination for each in every),
        protocol,
        _common(each.source_port for each in every) if protocol else ANY_PORT,
        _common(each.destination_port for each in every) if protocol else ANY_PORT,
    )


def blocks(numbers: AnyRange) -> Iterator[tuple[int, int]]:
    """A range of 16-bit numbers as the fewest prefixes: value and length in bits."""
    first, last = numbers
    while first <= last:
        length = _BITS
        while length > 0:
            size = 1 << (_BITS - length + 1)
            if first % size or first + size - 1 > last:
                break
            length -= 1
        yield first, length
        first += 1 << (_BITS - length)


def _port_pairs(one: Flow) -> Iterator[tuple[Masked, Masked]]:
    if one.icmp is not None:
        yield from (_type_and_code(*block) for block in blocks(one.icmp))
        return
    for source in _ports(one.source_ports):
        for destination in _ports(one.destination_ports):
            yield source, destination


def _ports(numbers: AnyRange | None) -> Iterator[Masked]:
    if numbers is None:
        yield ANY_PORT
        return
    for value, length in blocks(numbers):
        yield Masked(value, _ALL << (_BITS - length) & _ALL)


def _type_and_code(value: int, length: int) -> tuple[Masked, Masked]:
    """A prefix of type * 256 + code; the kernel has each in a field of 16 bits."""
    type_bits, code_bits = min(length, 8), max(length - 8, 0)
    return _octet(value >> 8, type_bits), _octet(value & 0xFF, code_bits)


def _octet(value: int, length: int) -> Masked:
    if length == 0:
        return ANY_PORT
    return Masked(value, 0xFF00 | (0xFF << (8 - length) & 0xFF))


def _supernet(networks: Iterable[IPNetwork]) -> IPNetwork:
    listed = list(networks)
    first = min(int(each.network_address) for each in listed)
    last = max(int(each.broadcast_address) for each in listed)
    width = listed[0].max_prefixlen
    length = width - (first ^ last).bit_length()
    make = IPv4Address if width == 32 else IPv6Address
    return ip_network((make(first), length), strict=False)


def _common(fields: Iterable[Masked]) -> Masked:
    """The bits on which all agree, as a prefix."""
    listed = list(fields)
    mask = _ALL
    for each in listed:
        mask &= each.mask & ~(each.value ^ listed[0].value)
    differing = (~mask & _ALL).bit_length()
    mask = _ALL << differing & _ALL
    return Masked(listed[0].value & mask, mask)


def neighbour_discovery() -> Iterator[KernelSelector]:
    """ICMPv6 types 133 to 136, solicitations and advertisements (RFC 4861), between any two.

    They never leave the link, and without them no packet does.
    """
    anywhere = TrafficSelector(IPv6Address(0), IPv6Address(2**128 - 1))
    icmpv6 = 58
    yield from kernel_selectors(Flow(anywhere, anywhere, icmpv6, icmp=(133 << 8, 136 << 8 | 0xFF)))
