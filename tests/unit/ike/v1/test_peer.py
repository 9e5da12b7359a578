from gatewright.iana import vendor_ids
from gatewright.iana.vendor_ids import VendorId
from gatewright.ike.v1 import peer
from gatewright.ike.v1.path import NAT_DIALECTS
from gatewright.wire.v1.payloads.vendor import VendorIdPayload


def read(*rows: VendorId | bytes) -> peer.Peer:
    return peer.read(
        VendorIdPayload(row.octets if isinstance(row, VendorId) else row) for row in rows
    )


def test_a_2003_gateway() -> None:
    microsoft = vendor_ids.MICROSOFT.octets + (4).to_bytes(4, "big")
    found = read(microsoft, vendor_ids.NAT_T_DRAFT_02_NEWLINE)
    assert found.product == "Windows Server 2003 or Windows XP SP2"
    assert found.is_microsoft
    assert not found.dpd
    assert found.nat_dialect is NAT_DIALECTS[1]


def test_the_best_dialect_in_whatever_order() -> None:
    found = read(vendor_ids.NAT_T_DRAFT_02, vendor_ids.RFC_3947, vendor_ids.DPD)
    assert found.nat_dialect is NAT_DIALECTS[0]
    assert found.dpd


def test_who_says_nothing_can_nothing() -> None:
    assert read() == peer.Peer()
    stranger = read(b"\x01\x02")
    assert (stranger.product, stranger.is_microsoft) == ("", False)
    assert stranger.extensions == ("unknown 0102",)
