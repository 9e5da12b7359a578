"""Sets of algorithms in both gateways' words, and what either calls the result."""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.lab.policies import TunnelText
from gatewright.lab.world import Sides


@dataclass(frozen=True, slots=True)
class Suite:
    """``settings`` of our tunnel; ``ike``, ``esp`` and the ESP ``cipher`` in strongSwan's words."""

    name: str
    version: int
    settings: dict[str, str]
    ike: str
    esp: str
    cipher: str

    def __str__(self) -> str:
        return self.name

    @property
    def encrypts(self) -> bool:
        return self.cipher != "NULL"

    def policy(self, sides: Sides) -> str:
        """Gateway A's policy."""
        return str(TunnelText(sides.a, sides.b, settings=self.settings))


def _written_out(version: int, ike: str, esp: str) -> dict[str, str]:
    return {
        "ike_version": str(version),
        "algorithms": f"{{ike: [{ike}], esp: [{esp}]}}",
        **({"profile": "windows-2003"} if version == 1 else {}),
    }


IKEV2 = (
    Suite(
        "modern",
        2,
        {"profile": "modern"},
        "aes128gcm16-prfsha256-x25519",
        "aes128gcm16-x25519",
        "AES_GCM_16",
    ),
    Suite(
        "aes256gcm-ecp384",
        2,
        _written_out(2, "aes-256-gcm / prf-hmac-sha384 / ecp-384", "aes-256-gcm / ecp-384"),
        "aes256gcm16-prfsha384-ecp384",
        "aes256gcm16-ecp384",
        "AES_GCM_16",
    ),
    Suite(
        "chacha20",
        2,
        _written_out(2, "chacha20-poly1305 / prf-hmac-sha256 / ecp-256", "chacha20-poly1305"),
        "chacha20poly1305-prfsha256-ecp256",
        "chacha20poly1305",
        "CHACHA20_POLY1305",
    ),
    Suite(
        "aes256cbc-sha256-modp2048",
        2,
        _written_out(
            2,
            "aes-256-cbc / hmac-sha256-128 / prf-hmac-sha256 / modp-2048",
            "aes-256-cbc / hmac-sha256-128 / modp-2048",
        ),
        "aes256-sha256-modp2048",
        "aes256-sha256-modp2048",
        "AES_CBC",
    ),
    Suite(
        "aes192cbc-sha512-ecp521",
        2,
        _written_out(
            2,
            "aes-192-cbc / hmac-sha512-256 / prf-hmac-sha512 / ecp-521",
            "aes-192-cbc / hmac-sha384-192",
        ),
        "aes192-sha512-ecp521",
        "aes192-sha384",
        "AES_CBC",
    ),
    Suite(
        "3des-sha1-modp1024",
        2,
        _written_out(
            2, "3des-cbc / hmac-sha1-96 / prf-hmac-sha1 / modp-1024", "3des-cbc / hmac-sha1-96"
        ),
        "3des-sha1-modp1024",
        "3des-sha1",
        "3DES_CBC",
    ),
    Suite(
        "null-sha256",
        2,
        _written_out(2, "aes-128-gcm / prf-hmac-sha256 / x25519", "null / hmac-sha256-128"),
        "aes128gcm16-prfsha256-x25519",
        "null-sha256",
        "NULL",
    ),
)

IKEV1 = (
    Suite(
        "windows-2003",
        1,
        {"profile": "windows-2003"},
        "3des-sha1-modp1024",
        "des-md5",
        "DES_CBC",
    ),
    Suite(
        "des-md5-modp768",
        1,
        _written_out(1, "des-cbc / hmac-md5-96 / modp-768", "des-cbc / hmac-md5-96"),
        "des-md5-modp768",
        "des-md5",
        "DES_CBC",
    ),
    Suite(
        "3des-sha1-pfs",
        1,
        _written_out(
            1, "3des-cbc / hmac-sha1-96 / modp-1024", "3des-cbc / hmac-sha1-96 / modp-1024"
        ),
        "3des-sha1-modp1024",
        "3des-sha1-modp1024",
        "3DES_CBC",
    ),
    Suite(
        "aes256-sha256-modp2048",
        1,
        _written_out(
            1, "aes-256-cbc / hmac-sha256-128 / modp-2048", "aes-128-cbc / hmac-sha256-128"
        ),
        "aes256-sha256-modp2048",
        "aes128-sha256",
        "AES_CBC",
    ),
    Suite(
        "modern",
        1,
        {"ike_version": "1"},
        "aes256-sha256-modp2048",
        "aes128gcm16-modp2048",
        "AES_GCM_16",
    ),
)
