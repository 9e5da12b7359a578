"""NAT detection (RFC 7296 section 2.23), in both messages of IKE_SA_INIT.

Each side tells the hashes of the addresses that it sees; whose hash does not fit what arrives is
behind a NAT.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from gatewright.crypto.natd import nat_hash_v2
from gatewright.iana.ikev2 import NotifyType
from gatewright.ike.machine import Address
from gatewright.ike.v2.errors import Unfit
from gatewright.ike.v2.path import Path
from gatewright.ike.v2.sa import IkeSa
from gatewright.policy.compiled import NatTraversal
from gatewright.wire.v2.message import Payload, select
from gatewright.wire.v2.payloads.notify import NotifyPayload

SOURCE, DESTINATION = NotifyType.NAT_DETECTION_SOURCE_IP, NotifyType.NAT_DETECTION_DESTINATION_IP


def notifies(sa: IkeSa) -> list[Payload]:
    """Our hashes; none when the policy switches NAT traversal off.

    To force encapsulation, the hash of our own address is one of an address that we do not have:
    the peer then finds us behind a NAT.
    """
    setting = sa.connection.nat_traversal
    if setting is NatTraversal.OFF:
        return []
    own = sa.path.local
    if setting is NatTraversal.FORCE:
        own = Address(IPv4Address(0) if own.ip.version == 4 else IPv6Address(0), 0)
    return [
        NotifyPayload(SOURCE, _hash(sa.spi_i, sa.spi_r, own)),
        NotifyPayload(DESTINATION, _hash(sa.spi_i, sa.spi_r, sa.path.remote)),
    ]


def detect(sa: IkeSa, spi_r: bytes, payloads: Sequence[Payload]) -> Path:
    """The path, with what the peer's hashes tell about it; ``spi_r`` as in its header.

    Raises `Unfit` when encapsulation is to be forced and the peer cannot do it.
    """
    setting = sa.connection.nat_traversal
    if setting is NatTraversal.OFF:
        return sa.path
    hashes = select(payloads, NotifyPayload)
    source = [notify.data for notify in hashes if notify.type == SOURCE]
    destination = [notify.data for notify in hashes if notify.type == DESTINATION]
    if not source or not destination:
        if setting is NatTraversal.FORCE:
            raise Unfit(
                "the policy forces UDP encapsulation, and the peer has no NAT traversal: allow "
                "it there, or set nat_traversal to auto here"
            )
        return sa.path
    return replace(
        sa.path,
        nat_remote=_hash(sa.spi_i, spi_r, sa.path.remote) not in source,
        nat_local=_hash(sa.spi_i, spi_r, sa.path.local) not in destination,
        forced=setting is NatTraversal.FORCE,
    )


def _hash(spi_i: bytes, spi_r: bytes, address: Address) -> bytes:
    return nat_hash_v2(spi_i, spi_r, address.ip, address.port)
