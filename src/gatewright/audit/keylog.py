"""Session keys for a protocol analyser, on the administrator's express request.

Writes the three tables from which Wireshark and tshark decrypt IKE and ESP, in a directory that can
be copied into (or be) the analyser's configuration folder.  Whoever reads these files reads the
traffic: they have mode 0600, and nothing is written unless a directory was named.

The names of algorithms are those of Wireshark 4.0.  What it has no name for is left out, with a
comment in its place: one row that it does not understand makes it refuse the whole table.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Protocol

from gatewright.ipsec.association import ChildSa, SaKeys
from gatewright.ipsec.secret import Secret
from gatewright.ipsec.selectors import IPAddress

IKEV1_TABLE: Final = "ikev1_decryption_table"
IKEV2_TABLE: Final = "ikev2_decryption_table"
ESP_TABLE: Final = "esp_sa"

_IKEV2_CIPHERS: Final = {
    "aes-256-gcm": "AES-GCM-256 with 16 octet ICV [RFC5282]",
    "aes-192-gcm": "AES-GCM-192 with 16 octet ICV [RFC5282]",
    "aes-128-gcm": "AES-GCM-128 with 16 octet ICV [RFC5282]",
    "aes-256-cbc": "AES-CBC-256 [RFC3602]",
    "aes-192-cbc": "AES-CBC-192 [RFC3602]",
    "aes-128-cbc": "AES-CBC-128 [RFC3602]",
    "3des-cbc": "3DES [RFC2451]",
}
_IKEV2_INTEGRITIES: Final = {
    "": "NONE [RFC4306]",
    "hmac-sha512-256": "HMAC_SHA2_512_256 [RFC4868]",
    "hmac-sha384-192": "HMAC_SHA2_384_192 [RFC4868]",
    "hmac-sha256-128": "HMAC_SHA2_256_128 [RFC4868]",
    "hmac-sha1-96": "HMAC_SHA1_96 [RFC2404]",
    "hmac-md5-96": "HMAC_MD5_96 [RFC2403]",
}
_ESP_CIPHERS: Final = {
    "aes-256-gcm": "AES-GCM with 16 octet ICV [RFC4106]",
    "aes-192-gcm": "AES-GCM with 16 octet ICV [RFC4106]",
    "aes-128-gcm": "AES-GCM with 16 octet ICV [RFC4106]",
    "aes-256-cbc": "AES-CBC [RFC3602]",
    "aes-192-cbc": "AES-CBC [RFC3602]",
    "aes-128-cbc": "AES-CBC [RFC3602]",
    "3des-cbc": "TripleDES-CBC [RFC2451]",
    "des-cbc": "DES-CBC [RFC2405]",
    "null": "NULL",
}
_ESP_INTEGRITIES: Final = {
    "hmac-sha512-256": "HMAC-SHA-512-256 [RFC4868]",
    "hmac-sha384-192": "HMAC-SHA-384-192 [RFC4868]",
    "hmac-sha256-128": "HMAC-SHA-256-128 [RFC4868]",
    "hmac-sha1-96": "HMAC-SHA-1-96 [RFC2404]",
    "hmac-md5-96": "HMAC-MD5-96 [RFC2403]",
}


class KeyLogError(Exception):
    """A table cannot be written; the message says which, why, and what to do."""


class IkeSaKeys(Protocol):
    """What is read of `ike.outputs.KeysDerived`.  SPIs are in hex."""

    @property
    def version(self) -> int: ...
    @property
    def spi_i(self) -> str: ...
    @property
    def spi_r(self) -> str: ...
    @property
    def cipher(self) -> str: ...
    @property
    def integrity(self) -> str: ...
    @property
    def sk_ei(self) -> Secret: ...
    @property
    def sk_er(self) -> Secret: ...
    @property
    def sk_ai(self) -> Secret: ...
    @property
    def sk_ar(self) -> Secret: ...


class KeyLog:
    """The three tables in one directory, which is made (mode 0700) when it does not exist."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise KeyLogError(
                f"cannot make the key log directory {directory}: {error.strerror}; "
                "name a directory that this user may write"
            ) from error

    def record_ike_sa(self, keys: IkeSaKeys) -> None:
        """Add the keys of an IKE SA (version 2) or main mode SA (version 1)."""
        if keys.version == 1:
            self._append(IKEV1_TABLE, ikev1_row(keys))
        else:
            self._append(IKEV2_TABLE, ikev2_row(keys))

    def record_child_sa(self, sa: ChildSa) -> None:
        """Add both directions of a child SA."""
        self._append(ESP_TABLE, "".join(esp_rows(sa)))

    def _append(self, table: str, rows: str) -> None:
        path = self._directory / table
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags, 0o600)
            try:
                if os.fstat(descriptor).st_uid != os.geteuid():
                    raise KeyLogError(f"{path} belongs to another user; remove it")
                os.fchmod(descriptor, 0o600)  # it may have been there with another mode
                os.write(descriptor, rows.encode())
            finally:
                os.close(descriptor)
        except OSError as error:
            raise KeyLogError(
                f"cannot write keys to {path}: {error.strerror}; "
                "make it a plain file that this user may write, or name another directory"
            ) from error


def ikev1_row(keys: IkeSaKeys) -> str:
    """Wireshark learns the cipher from the SA payload: cookie and key suffice."""
    return f"{keys.spi_i},{keys.sk_ei.reveal().hex()}\n"


def ikev2_row(keys: IkeSaKeys) -> str:
    cipher = _IKEV2_CIPHERS.get(keys.cipher)
    integrity = _IKEV2_INTEGRITIES.get(keys.integrity)
    if cipher is None or integrity is None:
        what = " ".join(filter(None, (keys.cipher, keys.integrity)))
        return f"# IKE SA {keys.spi_i}: Wireshark does not decrypt {what}\n"
    sk_ei, sk_er, sk_ai, sk_ar = (
        key.reveal().hex() for key in (keys.sk_ei, keys.sk_er, keys.sk_ai, keys.sk_ar)
    )
    return f'{keys.spi_i},{keys.spi_r},{sk_ei},{sk_er},"{cipher}",{sk_ai},{sk_ar},"{integrity}"\n'


def esp_rows(sa: ChildSa) -> tuple[str, str]:
    """The inbound and the outbound row."""
    local, remote = sa.transport.local, sa.transport.remote
    return (
        _esp_row(sa, remote, local, sa.spi_in, sa.keys_in),
        _esp_row(sa, local, remote, sa.spi_out, sa.keys_out),
    )


def _esp_row(sa: ChildSa, source: IPAddress, destination: IPAddress, spi: int, keys: SaKeys) -> str:
    cipher = _ESP_CIPHERS.get(sa.cipher.name)
    integrity = _esp_integrity(sa)
    if cipher is None or integrity is None:
        return f"# ESP SA 0x{spi:08x}: Wireshark does not decrypt {sa.cipher.name}\n"
    fields = (
        f"IPv{source.version}",
        str(source),
        str(destination),
        f"0x{spi:08x}",
        cipher,
        _hexadecimal(keys.encryption),
        integrity,
        _hexadecimal(keys.integrity),
    )
    return ",".join(f'"{value}"' for value in fields) + "\n"


def _esp_integrity(sa: ChildSa) -> str | None:
    if sa.integrity is None:
        return "NULL"  # the AEAD has it
    if sa.esn:
        # Wireshark 4.0 does not know of the high half of extended sequence numbers, over which the
        # ICV is made too (RFC 4303 section 2.2.1), and would call every packet forged.  With an
        # AEAD there is no such way out: it decrypts, and says that the ICV is bad.
        return f"ANY {8 * sa.integrity.icv_len} bit authentication [no checking]"
    return _ESP_INTEGRITIES.get(sa.integrity.name)


def _hexadecimal(key: Secret) -> str:
    return f"0x{key.reveal().hex()}" if len(key) else ""
