"""What a peer's vendor IDs tell about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gatewright.iana import vendor_ids
from gatewright.ike.v1.path import NAT_DIALECTS, NatDialect
from gatewright.wire.v1.payloads.vendor import VendorIdPayload


@dataclass(frozen=True, slots=True)
class Peer:
    """``product`` names the implementation where its vendor ID does; ``extensions`` all others."""

    nat_dialect: NatDialect | None = None
    dpd: bool = False
    product: str = ""
    extensions: tuple[str, ...] = ()

    @property
    def acknowledges_deletes(self) -> bool:
        """Whether it knows MS-IKEE section 3.8: Windows does, and so do we."""
        return self.is_microsoft or self.product == vendor_ids.GATEWRIGHT.name

    @property
    def is_microsoft(self) -> bool:
        return self.product.startswith(("Windows", "Microsoft"))


def read(payloads: Iterable[VendorIdPayload]) -> Peer:
    """The peer behind the vendor IDs of messages 1 and 2."""
    received = [payload.data for payload in payloads]
    rows = [vendor_ids.find(octets) for octets in received]
    dialect = next((each for each in NAT_DIALECTS if each.vendor_id in rows), None)
    products = [
        vendor_ids.describe(octets)
        for octets, row in zip(received, rows, strict=True)
        if row is not None and row.product
    ]
    return Peer(
        dialect,
        vendor_ids.DPD in rows,
        products[0] if products else "",
        tuple(vendor_ids.describe(octets) for octets in received),
    )
