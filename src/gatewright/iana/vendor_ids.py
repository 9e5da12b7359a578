"""Vendor IDs of IKEv1 peers: the octets, what they mean, and who sends them.

Most are an MD5 hash of a sentence, some with a version behind it.  Sources: the RFC or draft of
the extension, MS-IKEE section 1.7.1 for Microsoft's.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VendorId:
    """``versioned``: more octets may follow these.  ``product``: names who the peer is, where the
    others name what it can do."""

    octets: bytes
    name: str
    source: str
    versioned: bool = False
    product: bool = False


def _row(
    octets: str, name: str, source: str, *, versioned: bool = False, product: bool = False
) -> VendorId:
    return VendorId(bytes.fromhex(octets), name, source, versioned, product)


RFC_3947 = _row("4a131c81070358455c5728f20e95452f", "NAT traversal", "RFC 3947")
NAT_T_DRAFT_03 = _row(
    "7d9419a65310ca6f2c179d9215529d56", "NAT traversal draft 03", "draft-ietf-ipsec-nat-t-ike-03"
)
NAT_T_DRAFT_02 = _row(
    "cd60464335df21f87cfdb2fc68b6a448", "NAT traversal draft 02", "draft-ietf-ipsec-nat-t-ike-02"
)
NAT_T_DRAFT_02_NEWLINE = _row(
    "90cb80913ebb696e086381b5ec427b1f",
    "NAT traversal draft 02 (with newline)",
    "draft-ietf-ipsec-nat-t-ike-02",
)
NAT_T_DRAFT_00 = _row(
    "4485152d18b6bbcd0be8a8469579ddcc", "NAT traversal draft 00", "draft-ietf-ipsec-nat-t-ike-00"
)
DPD = _row("afcad71368a1f1c96b8696fc77570100", "dead peer detection", "RFC 3706")
GATEWRIGHT = _row("ed8e893f257cd9d3cb9d3f3a866a5dee", "Gatewright", "Gatewright", product=True)
MICROSOFT = _row(
    "1e2b516905991c7d7c96fcbfb587e461", "Microsoft", "MS-IKEE", versioned=True, product=True
)

VENDOR_IDS: tuple[VendorId, ...] = (
    RFC_3947,
    NAT_T_DRAFT_03,
    NAT_T_DRAFT_02,
    NAT_T_DRAFT_02_NEWLINE,
    NAT_T_DRAFT_00,
    DPD,
    GATEWRIGHT,
    MICROSOFT,
    _row("4048b7d56ebce88525e7de7f00d6c2d3", "IKE fragmentation", "MS-IKEE", versioned=True),
    _row("621b04bb09882ac1e15935fefa24aeee", "GSS-API", "MS-IKEE"),
    _row("ad2c0dd0b9c32083ccba25b8861ec455", "GSS-API authentication", "MS-IKEE"),
    _row("b46d8914f3aaa3f2fedeb7c7db2943ca", "GSS-API authentication (newline)", "MS-IKEE"),
    _row("26244d38eddb61b3172a36e3d0cfb819", "initial contact", "MS-IKEE"),
    _row("72872b95fcda2eb708efe322119b4971", "network load balancing", "MS-IKEE"),
    _row("214ca4faffa7f32d6748e5303395ae83", "AuthIP", "MS-IKEE"),
    _row("fb1de3cdf341b7ea16b7e5be0855f120", "negotiation discovery", "MS-IKEE"),
    _row("e3a5966a76379fe707228231e5ce8652", "IKE with CGA version 1", "MS-IKEE"),
    _row("01528bbbc00696121849ab9a1c5b2a51", "key moduli", "MS-IKEE", versioned=True),
    _row("882fe56d6fd20dbc2251613b2ebe5beb", "strongSwan", "strongSwan", product=True),
    _row("09002689dfd6b712", "XAUTH", "draft-ietf-ipsec-isakmp-xauth-06", versioned=True),
    _row("12f5f28c457168a9702d9fe274cc", "Cisco Unity", "Cisco", versioned=True, product=True),
)

MICROSOFT_VERSIONS: dict[int, str] = {
    2: "Windows 2000",
    3: "Windows XP",
    4: "Windows Server 2003 or Windows XP SP2",
    5: "Windows Vista",
    6: "Windows Server 2008",
    7: "Windows 7",
    8: "Windows Server 2008 R2",
    9: "Windows 8, Windows Server 2012 or later",
}


def find(octets: bytes) -> VendorId | None:
    """The row of a received vendor ID, or None for one that nobody here knows."""
    for row in VENDOR_IDS:
        if octets == row.octets or (row.versioned and octets.startswith(row.octets)):
            return row
    return None


def describe(octets: bytes) -> str:
    """For people: ``Windows Server 2003 or Windows XP SP2``, ``dead peer detection``, or hex."""
    row = find(octets)
    if row is None:
        return f"unknown {octets.hex()}"
    if row is not MICROSOFT:
        return row.name
    version = int.from_bytes(octets[len(row.octets) :][:4], "big")
    return MICROSOFT_VERSIONS.get(version, f"Microsoft version {version}")
