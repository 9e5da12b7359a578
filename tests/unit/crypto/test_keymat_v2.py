"""IKEv2 key derivation against NIST's vectors and against what strongSwan derived."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gatewright.crypto.ciphers import MessageCipher, message_cipher
from gatewright.crypto.keymat_v2 import (
    IkeKeys,
    derive_child_keys,
    derive_ike_keys,
    psk_auth,
    rekey_ike_keys,
    signed_octets,
)
from gatewright.crypto.prf import prf, prf_plus
from gatewright.iana.algorithms import CIPHER_BY_NAME, GROUP_BY_NAME, INTEGRITY_BY_NAME, PRF_BY_NAME
from gatewright.ipsec.association import SaKeys
from gatewright.ipsec.secret import Secret
from gatewright.policy.compiled import IkeProposal
from tests.support.recordings import Payload, Recording, body_of, load, names, payloads_of, walk

SA, IDI, IDR, AUTH, NONCE, SK = 33, 35, 36, 39, 40, 46
INITIATOR_FLAG = 0x08
NIST = json.loads((Path(__file__).parents[2] / "vectors/crypto/nist_kdf.json").read_text())["ikev2"]


def octets(vector: dict[str, str]) -> dict[str, bytes]:
    return {name: bytes.fromhex(value) for name, value in vector.items()}


@pytest.mark.parametrize("hash_name", NIST)
def test_nist_vectors(hash_name: str) -> None:
    vector = octets(NIST[hash_name])
    algorithm = PRF_BY_NAME[f"prf-hmac-{hash_name}"]
    proposal = IkeProposal(
        CIPHER_BY_NAME["aes-128-gcm"], None, algorithm, GROUP_BY_NAME["modp-2048"]
    )
    keys = derive_ike_keys(
        proposal,
        Secret(vector["g_ir"]),
        vector["n_i"],
        vector["n_r"],
        vector["spi_i"],
        vector["spi_r"],
    )
    joined = b"".join(
        part.reveal()
        for part in (keys.sk_d, keys.sk_ai, keys.sk_ar, keys.sk_ei, keys.sk_er, keys.sk_pi)
    )
    common = min(len(joined), len(vector["dkm"]))
    assert common > 2 * algorithm.output_len
    assert joined[:common] == vector["dkm"][:common]


@pytest.mark.parametrize("hash_name", NIST)
def test_nist_rekey_vectors(hash_name: str) -> None:
    vector = octets(NIST[hash_name])
    algorithm = PRF_BY_NAME[f"prf-hmac-{hash_name}"]
    new_prf = PRF_BY_NAME["prf-hmac-sha256"]
    proposal = IkeProposal(CIPHER_BY_NAME["aes-256-gcm"], None, new_prf, GROUP_BY_NAME["x25519"])
    new_spis = (bytes(range(8)), bytes(range(8, 16)))
    keys = rekey_ike_keys(
        algorithm,
        Secret(vector["dkm"][: algorithm.output_len]),
        proposal,
        Secret(vector["g_ir_new"]),
        vector["n_i"],
        vector["n_r"],
        *new_spis,
    )
    seed = vector["n_i"] + vector["n_r"] + new_spis[0] + new_spis[1]
    expected = prf_plus(new_prf, vector["skeyseed_rekey"], seed, 32)
    assert keys.sk_d.reveal() == expected


def recorded_keys(recording: Recording, index: int) -> IkeKeys:
    def secret(name: str) -> Secret:
        found = recording.secrets.get(f"Sk_{name} secret", [])
        return Secret(found[index]) if found else Secret(b"")

    return IkeKeys(*(secret(name) for name in ("d", "ai", "ar", "ei", "er", "pi", "pr")))


def recorded_child(recording: Recording, index: int) -> tuple[SaKeys, SaKeys]:
    def keys(side: str) -> SaKeys:
        integrity = recording.secrets.get(f"integrity {side} key")
        return SaKeys(
            Secret(recording.secrets[f"encryption {side} key"][index]),
            Secret(integrity[index] if integrity else b""),
        )

    return keys("initiator"), keys("responder")


class Opener:
    """Opens the recorded messages of one IKE SA, whoever sent them."""

    def __init__(self, proposal: IkeProposal, keys: IkeKeys) -> None:
        self.from_i: MessageCipher = message_cipher(
            proposal.cipher, proposal.integrity, keys.sk_ei, keys.sk_ai
        )
        self.from_r: MessageCipher = message_cipher(
            proposal.cipher, proposal.integrity, keys.sk_er, keys.sk_ar
        )

    def open(self, message: bytes) -> list[Payload]:
        (sk,) = payloads_of(message)
        assert sk.type == SK
        cipher = self.from_i if message[19] & INITIATOR_FLAG else self.from_r
        return walk(message[28], cipher.open(message[:32], sk.body))


def nonces(request: list[Payload], response: list[Payload]) -> tuple[bytes, bytes]:
    return body_of(request, NONCE), body_of(response, NONCE)


def derive_first(recording: Recording) -> IkeKeys:
    init = [payloads_of(message) for message in recording.messages[:2]]
    shared = Secret(recording.secrets["shared Diffie Hellman secret"][0])
    return derive_ike_keys(recording.ike, shared, *nonces(*init), recording.spi_i, recording.spi_r)


@pytest.mark.parametrize("name", names(2))
def test_first_keys_as_strongswan(name: str) -> None:
    recording = load(name)
    assert derive_first(recording) == recorded_keys(recording, 0)


@pytest.mark.parametrize("name", names(2))
def test_authentication_as_strongswan(name: str) -> None:
    recording = load(name)
    keys = derive_first(recording)
    opener = Opener(recording.ike, keys)
    nonce_i, nonce_r = nonces(*(payloads_of(message) for message in recording.messages[:2]))
    for turn, (peer_nonce, sk_p, id_type) in enumerate(
        ((nonce_r, keys.sk_pi, IDI), (nonce_i, keys.sk_pr, IDR))
    ):
        payloads = opener.open(recording.messages[2 + turn])
        # the request also has an IDr payload, which says whom the initiator wants
        signed = signed_octets(
            recording.ike.prf,
            recording.messages[turn],
            peer_nonce,
            sk_p,
            body_of(payloads, id_type),
        )
        assert signed == recording.secrets["octets = message + nonce + prf(Sk_px, IDx')"][turn]
        computed = psk_auth(recording.ike.prf, Secret(recording.psk), signed)
        assert computed == body_of(payloads, AUTH)[4:]


@pytest.mark.parametrize("name", names(2))
def test_first_child_keys_as_strongswan(name: str) -> None:
    recording = load(name)
    init = [payloads_of(message) for message in recording.messages[:2]]
    derived = derive_child_keys(
        recording.ike.prf,
        derive_first(recording).sk_d,
        recording.esp_cipher,
        recording.esp_integrity,
        *nonces(*init),
    )
    assert derived == recorded_child(recording, 0)


@pytest.mark.parametrize("name", ["v2-chacha-sha512-x25519", "v2-cbc128-sha256-modp2048"])
def test_child_rekey_with_own_exchange_as_strongswan(name: str) -> None:
    recording = load(name)
    keys = derive_first(recording)
    opener = Opener(recording.ike, keys)
    request, response = (opener.open(message) for message in recording.messages[4:6])
    derived = derive_child_keys(
        recording.ike.prf,
        keys.sk_d,
        recording.esp_cipher,
        recording.esp_integrity,
        *nonces(request, response),
        Secret(recording.secrets["DH secret"][0]),
    )
    assert derived == recorded_child(recording, 1)


@pytest.mark.parametrize("name", ["v2-chacha-sha512-x25519", "v2-cbc128-sha256-modp2048"])
def test_ike_rekey_as_strongswan(name: str) -> None:
    recording = load(name)
    keys = derive_first(recording)
    opener = Opener(recording.ike, keys)
    request, response = (opener.open(message) for message in recording.messages[8:10])
    spi_i, spi_r = (body_of(payloads, SA)[8:16] for payloads in (request, response))
    rekeyed = rekey_ike_keys(
        recording.ike.prf,
        keys.sk_d,
        recording.ike,
        Secret(recording.secrets["shared Diffie Hellman secret"][1]),
        *nonces(request, response),
        spi_i,
        spi_r,
    )
    assert rekeyed == recorded_keys(recording, 1)
    last = recording.messages[-2:]
    assert {message[:16] for message in last} == {spi_i + spi_r}
    for message in last:
        Opener(recording.ike, rekeyed).open(message)


@pytest.mark.parametrize("name", names(2))
def test_keys_do_not_show(name: str) -> None:
    keys = derive_first(load(name))
    for secret in (keys.sk_d, keys.sk_ei):
        assert secret.reveal().hex() not in repr(keys)
        assert repr(secret.reveal()) not in repr(keys)


def test_key_pad() -> None:
    """RFC 7296 section 2.15, spelled out."""
    algorithm = PRF_BY_NAME["prf-hmac-sha1"]
    inner = prf(algorithm, b"secret", b"Key Pad for IKEv2")
    assert psk_auth(algorithm, Secret(b"secret"), b"octets") == prf(algorithm, inner, b"octets")


def test_directions_and_order_of_a_child() -> None:
    """Section 2.17: initiator to responder first, and encryption before integrity."""
    algorithm = PRF_BY_NAME["prf-hmac-sha256"]
    cipher, integrity = CIPHER_BY_NAME["aes-128-cbc"], INTEGRITY_BY_NAME["hmac-sha1-96"]
    forth, back = derive_child_keys(algorithm, Secret(b"d" * 32), cipher, integrity, b"i", b"r")
    joined = (
        forth.encryption.reveal()
        + forth.integrity.reveal()
        + back.encryption.reveal()
        + back.integrity.reveal()
    )
    assert joined == prf_plus(algorithm, b"d" * 32, b"ir", 72)
