"""The hashes by which both versions of IKE detect a NAT."""

from __future__ import annotations

from gatewright.crypto.prf import digest
from gatewright.iana.algorithms import Prf
from gatewright.ipsec.selectors import IPAddress


def nat_hash_v2(spi_i: bytes, spi_r: bytes, ip: IPAddress, port: int) -> bytes:
    """Data of NAT_DETECTION_SOURCE_IP and NAT_DETECTION_DESTINATION_IP (RFC 7296 section 2.23)."""
    return digest("sha1", spi_i + spi_r + ip.packed + port.to_bytes(2, "big"))


def nat_hash_v1(prf: Prf, cookie_i: bytes, cookie_r: bytes, ip: IPAddress, port: int) -> bytes:
    """Body of a NAT-D payload (RFC 3947 section 3.2), by the negotiated hash."""
    return digest(prf.hash, cookie_i + cookie_r + ip.packed + port.to_bytes(2, "big"))
