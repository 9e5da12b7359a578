"""What the kernel tells: a packet wants an SA, an SA reached a limit, a peer moved, something was
deleted, by us or by others.  Pure.

Messages about what is not ours, and those that are cut short, give nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from gatewright.dataplane.interface import Acquire
from gatewright.dataplane.kernel.identity import policy_id_of
from gatewright.dataplane.kernel.layout import (
    ACQUIRE_SIZE,
    ESP,
    SA_SIZE,
    Attribute,
    KernelSelector,
    Kind,
    MappingSeen,
    SaSeen,
    Template,
    unpack_acquire,
    unpack_mapping,
    unpack_sa,
    unpack_sa_id,
    unpack_template,
)
from gatewright.ipsec.selectors import IPAddress
from gatewright.netlink.messages import Message, attributes
from gatewright.policy.flows import PORT_PROTOCOLS

# XFRMNLGRP_ACQUIRE, _EXPIRE, _SA, _POLICY, _MAPPING
GROUPS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 7


@dataclass(frozen=True, slots=True)
class Wanted:
    """A packet waits.  ``template`` and ``sequence`` name what the kernel holds in its place."""

    acquire: Acquire
    template: Template
    sequence: int


@dataclass(frozen=True, slots=True)
class Expired:
    """An SA of ours came to a limit; after a hard one the kernel has deleted it."""

    sa: SaSeen
    hard: bool


@dataclass(frozen=True, slots=True)
class Deleted:
    """One SA, whoever's it was."""

    destination: IPAddress
    spi: int


class Flushed(Enum):
    """What else may be gone."""

    SAS = auto()
    POLICIES = auto()


Told = Wanted | Expired | MappingSeen | Deleted | Flushed


def read(message: Message) -> Told | None:
    match message.kind:
        case Kind.ACQUIRE:
            return _acquire(message.payload)
        case Kind.EXPIRE:
            return _expire(message.payload)
        case Kind.MAPPING:
            return unpack_mapping(message.payload)
        case Kind.DELETE_SA:
            named = unpack_sa_id(message.payload)
            return Deleted(*named) if named is not None else None
        case Kind.FLUSH_SA:
            return Flushed.SAS
        case Kind.DELETE_POLICY | Kind.FLUSH_POLICY:
            return Flushed.POLICIES
        case _:
            return None


def larval(sa: SaSeen) -> Wanted | None:
    """From what the kernel holds in the place of an SA: its acquire message may be lost."""
    policy_id = policy_id_of(sa.reqid)
    if sa.spi or sa.selector is None or policy_id is None:
        return None
    template = Template(sa.source, sa.destination, sa.reqid)
    return Wanted(_packet(policy_id, sa.selector), template, sa.sequence)


def _acquire(data: bytes) -> Wanted | None:
    seen = unpack_acquire(data)
    template = unpack_template(attributes(data[ACQUIRE_SIZE:]).get(Attribute.TEMPLATE, b""))
    if seen is None or template is None:
        return None
    policy_id = policy_id_of(template.reqid)
    if policy_id is None:
        return None
    return Wanted(_packet(policy_id, seen.selector), template, seen.sequence)


def _expire(data: bytes) -> Expired | None:
    sa = unpack_sa(data)
    if sa is None or len(data) <= SA_SIZE or not sa.spi or sa.protocol != ESP:
        return None
    return None if policy_id_of(sa.reqid) is None else Expired(sa, bool(data[SA_SIZE]))


def _packet(policy_id: int, selector: KernelSelector) -> Acquire:
    """The kernel fills in the packet's own addresses and ports, or type and code of ICMP."""
    ports = selector.protocol in PORT_PROTOCOLS
    return Acquire(
        policy_id,
        selector.source.network_address,
        selector.destination.network_address,
        selector.protocol,
        selector.source_port.value if ports else 0,
        selector.destination_port.value if ports else 0,
    )
