"""Vendor IDs that are the MD5 hash of a sentence are computed here from the sentence."""

from hashlib import md5

import pytest

from gatewright.iana import vendor_ids


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (vendor_ids.RFC_3947, b"RFC 3947"),
        (vendor_ids.NAT_T_DRAFT_03, b"draft-ietf-ipsec-nat-t-ike-03"),
        (vendor_ids.NAT_T_DRAFT_02, b"draft-ietf-ipsec-nat-t-ike-02"),
        (vendor_ids.NAT_T_DRAFT_02_NEWLINE, b"draft-ietf-ipsec-nat-t-ike-02\n"),
        (vendor_ids.NAT_T_DRAFT_00, b"draft-ietf-ipsec-nat-t-ike-00"),
        (vendor_ids.GATEWRIGHT, b"Gatewright"),
        (vendor_ids.MICROSOFT, b"MS NT5 ISAKMPOAKLEY"),
    ],
)
def test_octets_are_the_hash_of_the_sentence(row: vendor_ids.VendorId, sentence: bytes) -> None:
    assert row.octets == md5(sentence).digest()


def test_dead_peer_detection_has_a_version_behind_its_14_octets() -> None:
    assert vendor_ids.DPD.octets == bytes.fromhex("afcad71368a1f1c96b8696fc7757") + b"\x01\x00"


def test_microsoft_is_named_with_its_version() -> None:
    octets = vendor_ids.MICROSOFT.octets + (4).to_bytes(4, "big")
    assert vendor_ids.find(octets) is vendor_ids.MICROSOFT
    assert vendor_ids.describe(octets) == "Windows Server 2003 or Windows XP SP2"
    later = vendor_ids.MICROSOFT.octets + (77).to_bytes(4, "big")
    assert vendor_ids.describe(later) == "Microsoft version 77"


def test_the_two_drafts_02_are_different_rows() -> None:
    assert vendor_ids.find(vendor_ids.NAT_T_DRAFT_02.octets) is vendor_ids.NAT_T_DRAFT_02
    newline = vendor_ids.NAT_T_DRAFT_02_NEWLINE
    assert vendor_ids.find(newline.octets) is newline


def test_an_unversioned_id_must_match_whole() -> None:
    assert vendor_ids.find(vendor_ids.RFC_3947.octets + b"\x00") is None
    assert vendor_ids.describe(b"\x01\x02") == "unknown 0102"
