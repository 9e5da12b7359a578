"""Vendor IDs: who this side is and what it can do (RFC 3947 section 3.1, RFC 3706 section 5.1).

Our own name tells a Gatewright that deletes are acknowledged here (MS-IKEE section 3.8).
"""

from __future__ import annotations

from gatewright.iana import vendor_ids
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.path import NAT_DIALECTS
from gatewright.policy.compiled import NatTraversal
from gatewright.wire.v1.payloads.vendor import VendorIdPayload


def announcements(core: Core) -> tuple[VendorIdPayload, ...]:
    """Those of message 1, or of message 2, which answers with the one dialect that is used."""
    rows = [vendor_ids.GATEWRIGHT, vendor_ids.DPD]
    if core.connection.nat_traversal is not NatTraversal.OFF:
        chosen = core.path.dialect
        dialects = NAT_DIALECTS if core.is_initiator else ((chosen,) if chosen else ())
        rows.extend(dialect.vendor_id for dialect in dialects)
    return tuple(VendorIdPayload(row.octets) for row in rows)
