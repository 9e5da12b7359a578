"""Named sets of algorithms and settings: ``modern`` and ``windows-2003``.

``modern`` offers what RFC 8221 and RFC 8247 require or recommend, and nothing weaker.
AES-128-GCM stands first: it is the fastest on every processor with AES instructions, and beyond
any attack; AES-256 and ChaCha20 follow for a peer that wants them.  Keys of ESP live one hour.  The
IKE SA lives 8 hours: it carries a handful of messages, and with perfect forward secrecy its keys
open no session key, so that a shorter life buys nothing and makes more rekeys that can collide.

``windows-2003`` is what a gateway of 2003 offers by itself, in its order, with its lifetimes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gatewright.policy.algorithm_text import parse_esp, parse_ike
from gatewright.policy.compiled import IkeVersion
from gatewright.policy.findings import Place
from gatewright.policy.model import EspMethod, IkeMethod


class ProfileName(Enum):
    MODERN = "modern"
    WINDOWS_2003 = "windows-2003"


@dataclass(frozen=True, slots=True)
class Profile:
    """Algorithm lines in the policy's own text; lifetimes in seconds and kilobytes.

    ``pfs`` are the groups that ``pfs: yes`` means, and whether it is on by itself.
    """

    ike: tuple[str, ...]
    esp: tuple[str, ...]
    pfs_groups: str
    pfs: bool
    esn: bool
    ike_lifetime: int
    esp_lifetime: int
    esp_kilobytes: int

    def ike_methods(self, place: Place) -> tuple[IkeMethod, ...]:
        return tuple(parse_ike(line, place) for line in self.ike)

    def esp_methods(self, place: Place) -> tuple[EspMethod, ...]:
        pfs = f" / {self.pfs_groups}" if self.pfs else ""
        return tuple(
            parse_esp(
                line + pfs,
                place,
                esn=self.esn,
                lifetime=self.esp_lifetime,
                lifetime_kilobytes=self.esp_kilobytes,
            )
            for line in self.esp
        )


_AEADS = "aes-128-gcm | aes-256-gcm | chacha20-poly1305"
_GROUPS = "x25519 | ecp-256 | ecp-384 | modp-3072 | modp-4096 | modp-2048"

_MODERN_V2 = Profile(
    ike=(f"{_AEADS} / prf-hmac-sha256 | prf-hmac-sha384 / {_GROUPS}",),
    esp=(_AEADS,),
    pfs_groups=_GROUPS,
    pfs=True,
    esn=True,
    ike_lifetime=8 * 3600,
    esp_lifetime=3600,
    esp_kilobytes=0,
)

# IKEv1 has no AEAD for its own messages and no x25519; its quick mode carries one key exchange, so
# that all its offers have to name one group (RFC 2409 section 5.5).
_MODERN_V1 = Profile(
    ike=("aes-256-cbc | aes-128-cbc / hmac-sha256-128 / modp-2048 | ecp-256",),
    esp=("aes-128-gcm | aes-256-gcm", "aes-256-cbc | aes-128-cbc / hmac-sha256-128"),
    pfs_groups="modp-2048",
    pfs=True,
    esn=False,
    ike_lifetime=8 * 3600,
    esp_lifetime=3600,
    esp_kilobytes=0,
)

_WINDOWS_2003 = Profile(
    ike=(
        "3des-cbc / hmac-sha1-96 | hmac-md5-96 / modp-1024",
        "des-cbc / hmac-sha1-96 | hmac-md5-96 / modp-768",
    ),
    esp=("3des-cbc | des-cbc / hmac-sha1-96 | hmac-md5-96",),
    pfs_groups="modp-1024",
    pfs=False,
    esn=False,
    ike_lifetime=28800,
    esp_lifetime=3600,
    esp_kilobytes=100_000,
)

DEFAULT_VERSION = {
    ProfileName.MODERN: IkeVersion.V2,
    ProfileName.WINDOWS_2003: IkeVersion.V1,
}

_PROFILES = {
    (ProfileName.MODERN, IkeVersion.V2): _MODERN_V2,
    (ProfileName.MODERN, IkeVersion.V1): _MODERN_V1,
    (ProfileName.WINDOWS_2003, IkeVersion.V1): _WINDOWS_2003,
}


def find_profile(name: ProfileName, version: IkeVersion) -> Profile | None:
    """None when the profile has no such version: there was no IKEv2 in 2003."""
    return _PROFILES.get((name, version))
