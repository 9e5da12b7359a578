"""Deleting SAs (RFC 2408 section 5.15): the sender names its own inbound SPIs, nobody answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gatewright.iana.ikev1 import ProtocolId
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.phase_two import SPI_LENGTH
from gatewright.wire.v1.payloads.delete import DeletePayload


def quick_mode_sas(spis_in: Iterable[int]) -> DeletePayload:
    """Tells the peer that these inbound SAs of ours are gone."""
    return DeletePayload(ProtocolId.ESP, tuple(spi.to_bytes(SPI_LENGTH, "big") for spi in spis_in))


def main_mode_sa(core: Core) -> DeletePayload:
    return DeletePayload(ProtocolId.ISAKMP, (core.cookies,))


def deleted_pairs(payload: DeletePayload) -> Iterator[int]:
    """The outbound SPIs of ours that the peer says it has deleted."""
    if payload.protocol == ProtocolId.ESP:
        for spi in payload.spis:
            if len(spi) == SPI_LENGTH:
                yield int.from_bytes(spi, "big")


def deleted_main_modes(payload: DeletePayload) -> Iterator[bytes]:
    """The main mode SAs that the peer says it has deleted, as both cookies."""
    if payload.protocol == ProtocolId.ISAKMP:
        yield from payload.spis
