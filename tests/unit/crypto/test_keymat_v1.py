"""IKEv1 key derivation, hashes and IVs against NIST's vectors and what strongSwan derived."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from gatewright.crypto import keymat_v1
from gatewright.crypto.ciphers import cbc_decrypt
from gatewright.crypto.keymat_v1 import (
    PhaseOneKeys,
    derive_psk_keys,
    expand_encryption_key,
    informational_hash,
    keys_from_skeyid,
    phase_one_hash,
    phase_one_iv,
    phase_two_iv,
    quick_hash_1,
    quick_hash_2,
    quick_hash_3,
    quick_mode_keys,
)
from gatewright.crypto.weak_keys import WeakKey
from gatewright.iana.algorithms import CIPHER_BY_NAME, PRF_BY_NAME, Cipher
from gatewright.ipsec.association import SaKeys
from gatewright.ipsec.secret import Secret
from tests.support.recordings import Payload, Recording, body_of, load, names, payloads_of, walk

SA, KE, ID, HASH, NONCE = 1, 4, 5, 8, 10
ESP = 3
VECTORS = Path(__file__).parents[2] / "vectors" / "crypto"
NIST = json.loads((VECTORS / "nist_kdf.json").read_text())
APPENDIX_B = json.loads((VECTORS / "nss_appendix_b.json").read_text())
WIDE = dataclasses.replace(CIPHER_BY_NAME["aes-256-cbc"], name="wide", key_bits=132 * 8)


def phase_one_keys(skeyid_d: bytes = b"", skeyid_a: bytes = b"") -> PhaseOneKeys:
    empty = Secret(b"")
    return PhaseOneKeys(empty, Secret(skeyid_d), Secret(skeyid_a), empty, empty)


@pytest.mark.parametrize("hash_name", NIST["ikev1_psk_skeyid"])
def test_nist_skeyid_of_a_preshared_key(hash_name: str) -> None:
    vector = NIST["ikev1_psk_skeyid"][hash_name]
    keys = derive_psk_keys(
        PRF_BY_NAME[f"prf-hmac-{hash_name}"],
        CIPHER_BY_NAME["aes-128-cbc"],
        Secret(bytes.fromhex(vector["psk"])),
        bytes.fromhex(vector["n_i"]),
        bytes.fromhex(vector["n_r"]),
        bytes(8),
        bytes(8),
        Secret(b"any"),
    )
    assert keys.skeyid.reveal().hex() == vector["skeyid"]


@pytest.mark.parametrize("hash_name", NIST["ikev1_after_skeyid"])
def test_nist_chain_after_skeyid(hash_name: str) -> None:
    vector = {k: bytes.fromhex(v) for k, v in NIST["ikev1_after_skeyid"][hash_name].items()}
    keys = keys_from_skeyid(
        PRF_BY_NAME[f"prf-hmac-{hash_name}"],
        CIPHER_BY_NAME["aes-128-cbc"],
        Secret(vector["skeyid"]),
        vector["cky_i"],
        vector["cky_r"],
        Secret(vector["g_xy"]),
    )
    assert keys.skeyid_d.reveal() == vector["skeyid_d"]
    assert keys.skeyid_a.reveal() == vector["skeyid_a"]
    assert keys.skeyid_e.reveal() == vector["skeyid_e"]


@pytest.mark.parametrize("hash_name", APPENDIX_B)
def test_expansion_of_quick_mode_keys(hash_name: str) -> None:
    """The vectors' seed is one zero octet: protocol 0, nothing else."""
    vector = APPENDIX_B[hash_name]
    keys = quick_mode_keys(
        PRF_BY_NAME[f"prf-hmac-{hash_name}"],
        phase_one_keys(skeyid_d=bytes.fromhex(vector["key"])),
        0,
        b"",
        b"",
        b"",
        WIDE,
        None,
        None,
    )
    assert keys.encryption.reveal().hex() == vector["quick_mode"]


@pytest.mark.parametrize("hash_name", APPENDIX_B)
@pytest.mark.parametrize("length", [8, 15, 16, 132])
def test_expansion_of_the_encryption_key(hash_name: str, length: int) -> None:
    skeyid_e = bytes.fromhex(APPENDIX_B[hash_name]["key"])
    expanded = bytes.fromhex(APPENDIX_B[hash_name]["encryption_key"])
    expected = skeyid_e if length <= len(skeyid_e) else expanded
    algorithm = PRF_BY_NAME[f"prf-hmac-{hash_name}"]
    assert expand_encryption_key(algorithm, skeyid_e, length) == expected[:length]


class Conversation:
    """A recorded main mode and quick mode, decrypted with keys of our own derivation."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.prf = recording.ike.prf
        self.cipher: Cipher = recording.ike.cipher
        clear = [payloads_of(message) for message in recording.messages[:4]]
        self.sa = body_of(clear[0], SA)
        self.public_i, self.public_r = body_of(clear[2], KE), body_of(clear[3], KE)
        self.keys = derive_psk_keys(
            self.prf,
            self.cipher,
            Secret(recording.psk),
            body_of(clear[2], NONCE),
            body_of(clear[3], NONCE),
            recording.spi_i,
            recording.spi_r,
            Secret(recording.secrets["shared Diffie Hellman secret"][0]),
        )
        iv = phase_one_iv(self.prf, self.cipher, self.public_i, self.public_r)
        self.identification = [
            self.open(recording.messages[4], iv),
            self.open(recording.messages[5], recording.messages[4][-self.cipher.block :]),
        ]
        self.last_block = recording.messages[5][-self.cipher.block :]

    def open(self, message: bytes, iv: bytes) -> tuple[list[Payload], bytes]:
        """Payloads, and the octets from the end of the first to the end of the last."""
        key = self.keys.encryption_key.reveal()
        clear = cbc_decrypt(self.cipher, key, iv, message[28:])
        payloads = walk(message[16], clear)
        return payloads, clear[payloads[0].end : payloads[-1].end]

    def second_phase_iv(self, message: bytes) -> bytes:
        return phase_two_iv(self.prf, self.cipher, self.last_block, message_id(message))

    def quick_mode(self) -> list[tuple[list[Payload], bytes]]:
        messages = self.recording.messages[6:9]
        ivs = [self.second_phase_iv(messages[0])]
        ivs += [message[-self.cipher.block :] for message in messages[:2]]
        return [self.open(message, iv) for message, iv in zip(messages, ivs, strict=True)]


def message_id(message: bytes) -> int:
    return int.from_bytes(message[20:24], "big")


@pytest.fixture(params=names(1))
def conversation(request: pytest.FixtureRequest) -> Conversation:
    return Conversation(load(request.param))


def test_keys_as_strongswan(conversation: Conversation) -> None:
    secrets, keys = conversation.recording.secrets, conversation.keys
    assert keys.skeyid.reveal() == secrets["SKEYID"][0]
    assert keys.skeyid_d.reveal() == secrets["SKEYID_d"][0]
    assert keys.skeyid_a.reveal() == secrets["SKEYID_a"][0]
    assert keys.skeyid_e.reveal() == secrets["SKEYID_e"][0]
    assert keys.encryption_key.reveal() == secrets["encryption key Ka"][0]


def test_first_iv_as_strongswan(conversation: Conversation) -> None:
    iv = phase_one_iv(
        conversation.prf, conversation.cipher, conversation.public_i, conversation.public_r
    )
    assert iv == conversation.recording.secrets["initial IV"][0]


def test_hashes_of_main_mode_as_strongswan(conversation: Conversation) -> None:
    ends_i = (conversation.public_i, conversation.public_r)
    cookies_i = (conversation.recording.spi_i, conversation.recording.spi_r)
    for (payloads, _), ends, cookies in (
        (conversation.identification[0], ends_i, cookies_i),
        (conversation.identification[1], ends_i[::-1], cookies_i[::-1]),
    ):
        computed = phase_one_hash(
            conversation.prf,
            conversation.keys,
            *ends,
            *cookies,
            conversation.sa,
            body_of(payloads, ID),
        )
        assert computed == body_of(payloads, HASH)


def test_hashes_of_quick_mode_as_strongswan(conversation: Conversation) -> None:
    (first, rest_1), (second, rest_2), (third, _) = conversation.quick_mode()
    number = message_id(conversation.recording.messages[6])
    algorithm, keys = conversation.prf, conversation.keys
    nonce_i, nonce_r = body_of(first, NONCE), body_of(second, NONCE)
    assert quick_hash_1(algorithm, keys, number, rest_1) == first[0].body
    assert quick_hash_2(algorithm, keys, number, nonce_i, rest_2) == second[0].body
    assert quick_hash_3(algorithm, keys, number, nonce_i, nonce_r) == third[0].body


def test_informational_hashes_as_strongswan(conversation: Conversation) -> None:
    for message in conversation.recording.messages[9:]:
        payloads, rest = conversation.open(message, conversation.second_phase_iv(message))
        computed = informational_hash(
            conversation.prf, conversation.keys, message_id(message), rest
        )
        assert computed == payloads[0].body


def test_quick_mode_keys_as_strongswan(conversation: Conversation) -> None:
    (first, _), (second, _), _ = conversation.quick_mode()
    recording = conversation.recording
    shared = recording.secrets.get("DH secret")
    # DOI, situation, proposal header of 8 octets, SPI
    spi_of_i, spi_of_r = (body_of(payloads, SA)[16:20] for payloads in (first, second))
    for spi, side in ((spi_of_r, "initiator"), (spi_of_i, "responder")):
        integrity = recording.secrets.get(f"integrity {side} key")
        derived = quick_mode_keys(
            conversation.prf,
            conversation.keys,
            ESP,
            spi,
            body_of(first, NONCE),
            body_of(second, NONCE),
            recording.esp_cipher,
            recording.esp_integrity,
            Secret(shared[0]) if shared else None,
        )
        assert derived == SaKeys(
            Secret(recording.secrets[f"encryption {side} key"][0]),
            Secret(integrity[0] if integrity else b""),
        )


def test_weak_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No input is known that gives one, so the PRF is made to."""
    monkeypatch.setattr(keymat_v1, "compute_prf", lambda *_: bytes.fromhex("01fe" * 8))
    algorithm, des = PRF_BY_NAME["prf-hmac-md5"], CIPHER_BY_NAME["des-cbc"]
    with pytest.raises(WeakKey):
        quick_mode_keys(algorithm, phase_one_keys(), ESP, bytes(4), b"i", b"r", des, None, None)
    with pytest.raises(WeakKey):
        keys_from_skeyid(algorithm, des, Secret(b"k"), bytes(8), bytes(8), Secret(b"g"))
