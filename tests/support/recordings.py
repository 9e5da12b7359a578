"""Negotiations that two strongSwan gateways had (tests/vectors/crypto/strongswan), and a reader of
payload chains that shares no code with the one under test."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from gatewright.iana.algorithms import (
    CIPHER_BY_NAME,
    GROUP_BY_NAME,
    INTEGRITY_BY_NAME,
    PRF_BY_NAME,
    Cipher,
    Integrity,
)
from gatewright.policy.compiled import IkeProposal

FOLDER = Path(__file__).parents[1] / "vectors" / "crypto" / "strongswan"

_CIPHERS = {
    "aes256gcm16": "aes-256-gcm",
    "aes128gcm16": "aes-128-gcm",
    "chacha20poly1305": "chacha20-poly1305",
    "aes256": "aes-256-cbc",
    "aes192": "aes-192-cbc",
    "aes128": "aes-128-cbc",
    "3des": "3des-cbc",
    "des": "des-cbc",
}
_INTEGRITIES = {
    "md5": "hmac-md5-96",
    "sha1": "hmac-sha1-96",
    "sha256": "hmac-sha256-128",
    "sha384": "hmac-sha384-192",
    "sha512": "hmac-sha512-256",
}


@dataclass(frozen=True)
class Payload:
    """``start`` and ``end`` are offsets of the whole payload in what was walked."""

    type: int
    body: bytes
    start: int
    end: int


@dataclass(frozen=True)
class Recording:
    """``messages`` in order, ``senders`` ("i", "r") beside them; ``secrets`` by strongSwan's name,
    each in the order of its log."""

    name: str
    ike: IkeProposal
    esp_cipher: Cipher
    esp_integrity: Integrity | None
    psk: bytes
    messages: tuple[bytes, ...]
    senders: tuple[str, ...]
    secrets: dict[str, list[bytes]]

    @property
    def version(self) -> int:
        return self.messages[0][17] >> 4

    @property
    def spi_i(self) -> bytes:
        return self.messages[1][:8]

    @property
    def spi_r(self) -> bytes:
        return self.messages[1][8:16]


def walk(first: int, octets: bytes) -> list[Payload]:
    """The payloads of a chain whose first has type ``first``; stops at type 0 or an SK payload."""
    payloads = []
    position = 0
    while first:
        length = int.from_bytes(octets[position + 2 : position + 4], "big")
        assert 4 <= length <= len(octets) - position
        end = position + length
        payloads.append(Payload(first, octets[position + 4 : end], position, end))
        if first == 46:
            break
        first, position = octets[position], end
    return payloads


def payloads_of(message: bytes) -> list[Payload]:
    """The payloads of a message in clear."""
    return walk(message[16], message[28:])


def body_of(payloads: list[Payload], payload_type: int) -> bytes:
    """The body of the only payload of this type."""
    (payload,) = [payload for payload in payloads if payload.type == payload_type]
    return payload.body


def load(name: str) -> Recording:
    recorded = json.loads((FOLDER / f"{name}.json").read_text())
    cipher, *middle, group = recorded["ike"].split("-")
    hash_name = middle[0].removeprefix("prf")
    aead = CIPHER_BY_NAME[_CIPHERS[cipher]].aead
    esp_cipher, *esp_rest = recorded["esp"].split("-")
    esp_aead = CIPHER_BY_NAME[_CIPHERS[esp_cipher]].aead
    secrets: dict[str, list[bytes]] = {}
    for secret in recorded["secrets"]:
        secrets.setdefault(secret["name"], []).append(bytes.fromhex(secret["octets"]))
    return Recording(
        name=name,
        ike=IkeProposal(
            CIPHER_BY_NAME[_CIPHERS[cipher]],
            None if aead else INTEGRITY_BY_NAME[_INTEGRITIES[hash_name]],
            PRF_BY_NAME[f"prf-hmac-{hash_name}"],
            GROUP_BY_NAME[group.replace("modp", "modp-").replace("ecp", "ecp-")],
        ),
        esp_cipher=CIPHER_BY_NAME[_CIPHERS[esp_cipher]],
        esp_integrity=None if esp_aead else INTEGRITY_BY_NAME[_INTEGRITIES[esp_rest[0]]],
        psk=recorded["psk"].encode(),
        messages=tuple(bytes.fromhex(message["octets"]) for message in recorded["messages"]),
        senders=tuple(message["from"] for message in recorded["messages"]),
        secrets=secrets,
    )


def names(version: int) -> list[str]:
    return sorted(path.stem for path in FOLDER.glob(f"v{version}-*.json"))
