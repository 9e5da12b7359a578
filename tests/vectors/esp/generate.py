"""Makes ``generated.txt``: whole ESP packets from a second implementation.

The packets are put together here from RFC 4303, with the ciphers of OpenSSL (the Python package
``cryptography``) and the HMAC of the Python library: no code is shared with the engine.  Keys and
inner packets are counters and hashes, so that the file comes out the same each time:

    python tests/vectors/esp/generate.py > tests/vectors/esp/generated.txt
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import sys
from collections.abc import Iterator

import cryptography
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

# name: (key, salt, IV, padding boundary), in octets
AEADS = {
    "aes-128-gcm": (16, 4, 8, 4),
    "aes-192-gcm": (24, 4, 8, 4),
    "aes-256-gcm": (32, 4, 8, 4),
    "chacha20-poly1305": (32, 4, 8, 4),
}
CIPHERS = {
    "aes-128-cbc": (16, 0, 16, 16),
    "aes-192-cbc": (24, 0, 16, 16),
    "aes-256-cbc": (32, 0, 16, 16),
    "3des-cbc": (24, 0, 8, 8),
    "des-cbc": (8, 0, 8, 8),
    "null": (0, 0, 0, 4),
}
# name: (digest, key, ICV), in octets
INTEGRITIES = {
    "hmac-md5-96": ("md5", 16, 12),
    "hmac-sha1-96": ("sha1", 20, 12),
    "hmac-sha256-128": ("sha256", 32, 16),
    "hmac-sha384-192": ("sha384", 48, 24),
    "hmac-sha512-256": ("sha512", 64, 32),
}


def octets(label: str, length: int) -> bytes:
    """``length`` octets that look random and depend on ``label`` alone."""
    return hashlib.shake_128(label.encode()).digest(length)


def ipv4_packet(payload: bytes) -> bytes:
    total = 20 + len(payload)
    header = struct.pack(
        "!BBHHHBBH4s4s",
        0x45,
        0,
        total,
        7,
        0x4000,
        63,
        17,
        0,
        b"\x0a\x00\x00\x01",
        b"\x0a\x01\x00\x02",
    )
    total_sum = sum(struct.unpack("!10H", header))
    while total_sum >> 16:
        total_sum = (total_sum & 0xFFFF) + (total_sum >> 16)
    return header[:10] + struct.pack("!H", ~total_sum & 0xFFFF) + header[12:] + payload


def ipv6_packet(payload: bytes) -> bytes:
    header = struct.pack("!IHBB", 0x60000000, len(payload), 17, 63)
    return header + octets("source", 16) + octets("destination", 16) + payload


def pad(inner: bytes, next_header: int, boundary: int) -> bytes:
    """RFC 4303 section 2.4: 1, 2, 3, ... up to the boundary, its length, the next header."""
    length = -(len(inner) + 2) % boundary
    return inner + bytes(range(1, length + 1)) + bytes([length, next_header])


def cbc(name: str, key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    if name == "null":
        return plaintext
    # DES is triple DES with the same key thrice.
    algorithm = (
        TripleDES(key if name == "3des-cbc" else key * 3) if "des" in name else algorithms.AES(key)
    )
    encryptor = Cipher(algorithm, modes.CBC(iv)).encryptor()
    return encryptor.update(plaintext) + encryptor.finalize()


def cbc_iv(seed: bytes, seq: int, length: int) -> bytes:
    """What the engine documents of its IVs: the sequence number enciphered under the seed."""
    block = Cipher(algorithms.AES(seed), modes.ECB()).encryptor().update(seq.to_bytes(16, "big"))
    return block[:length]


def records() -> Iterator[dict[str, str]]:
    pairs = [(name, "") for name in AEADS]
    pairs += [(name, integrity) for name in CIPHERS for integrity in INTEGRITIES]
    for index, (name, integrity) in enumerate(pairs):
        for esn in (False, True):
            yield record(index, name, integrity, esn)


def record(index: int, name: str, integrity: str, esn: bool) -> dict[str, str]:
    label = f"{name} {integrity} {esn}"
    key_len, salt_len, iv_len, boundary = (AEADS | CIPHERS)[name]
    encryption = octets("encryption " + label, key_len + salt_len)
    seed = octets("seed " + label, 16)
    spi = 0xC0DE0000 + index
    seq = (0x1_0000_0000 * (index + 1) if esn else 0) + 0x01020300 + index
    payload = octets("payload " + label, 21 + index)
    inner = ipv6_packet(payload) if esn else ipv4_packet(payload)
    body = pad(inner, 41 if esn else 4, boundary)
    header = struct.pack("!II", spi, seq & 0xFFFFFFFF)
    authentication = b""
    if name in AEADS:
        iv = seq.to_bytes(8, "big")
        key, salt = encryption[:key_len], encryption[key_len:]
        aead = ChaCha20Poly1305(key) if "poly1305" in name else AESGCM(key)
        data = struct.pack("!I", spi) + (seq.to_bytes(8, "big") if esn else header[4:])
        packet = header + iv + aead.encrypt(salt + iv, body, data)
    else:
        digest, auth_len, icv_len = INTEGRITIES[integrity]
        authentication = octets("integrity " + label, auth_len)
        iv = cbc_iv(seed, seq, iv_len)
        packet = header + iv + cbc(name, encryption, iv, body)
        high = struct.pack("!I", seq >> 32) if esn else b""
        packet += hmac.digest(authentication, packet + high, digest)[:icv_len]
    return {
        "cipher": name,
        "integrity": integrity,
        "esn": "yes" if esn else "no",
        "encryption-key": encryption.hex(),
        "integrity-key": authentication.hex(),
        "iv-seed": seed.hex(),
        "spi": f"{spi:08x}",
        "sequence": f"{seq:016x}",
        "inner": inner.hex(),
        "esp": packet.hex(),
    }


def main() -> None:
    out = sys.stdout
    out.write("# Made by generate.py in this folder with the Python package cryptography\n")
    out.write(f"# {cryptography.__version__}; see PROVENANCE.md.\n")
    for fields in records():
        out.write("\n")
        for name, value in fields.items():
            out.write(f"{name} = {value}".rstrip() + "\n")


if __name__ == "__main__":
    main()
