from __future__ import annotations

import pytest

from gatewright.dataplane.kernel.algorithms import algorithm_attributes, known
from gatewright.dataplane.kernel.layout import Attribute
from gatewright.iana.algorithms import CIPHER_BY_NAME, INTEGRITY_BY_NAME, Cipher, Integrity
from gatewright.ipsec.association import SaKeys
from gatewright.ipsec.secret import Secret
from gatewright.netlink.messages import attributes
from tests.support.scapy_esp import EVERY_ALGORITHM, algorithm_name, child_sa


@pytest.mark.parametrize("algorithm", EVERY_ALGORITHM, ids=algorithm_name)
def test_every_algorithm_of_ours_has_a_name_in_the_kernel(
    algorithm: tuple[Cipher, Integrity | None],
) -> None:
    assert known(*algorithm)
    keys = child_sa(algorithm).keys_in
    found = attributes(algorithm_attributes(*algorithm, keys))
    wanted = {Attribute.AEAD} if algorithm[1] is None else {Attribute.CIPHER, Attribute.INTEGRITY}
    assert set(found) == wanted


def test_an_aead_has_key_and_salt_and_the_length_of_its_tag_in_bits() -> None:
    keys = SaKeys(Secret(bytes(range(20))), Secret(b""))
    data = attributes(algorithm_attributes(CIPHER_BY_NAME["aes-128-gcm"], None, keys))
    payload = data[Attribute.AEAD]
    assert payload[:64].rstrip(b"\0") == b"rfc4106(gcm(aes))"
    assert payload[64:72] == (160).to_bytes(4, "little") + (128).to_bytes(4, "little")
    assert payload[72:] == bytes(range(20))


def test_an_hmac_is_cut_to_the_bits_of_its_rfc() -> None:
    keys = SaKeys(Secret(bytes(16)), Secret(b"k" * 32))
    cipher, integrity = CIPHER_BY_NAME["aes-128-cbc"], INTEGRITY_BY_NAME["hmac-sha256-128"]
    payload = attributes(algorithm_attributes(cipher, integrity, keys))[Attribute.INTEGRITY]
    assert payload[:64].rstrip(b"\0") == b"hmac(sha256)"
    assert payload[64:72] == (256).to_bytes(4, "little") + (128).to_bytes(4, "little")


def test_the_null_cipher_has_no_key() -> None:
    keys = SaKeys(Secret(b""), Secret(bytes(20)))
    cipher, integrity = CIPHER_BY_NAME["null"], INTEGRITY_BY_NAME["hmac-sha1-96"]
    payload = attributes(algorithm_attributes(cipher, integrity, keys))[Attribute.CIPHER]
    assert payload == b"ecb(cipher_null)".ljust(64, b"\0") + bytes(4)


def test_a_cipher_without_integrity_is_not_known() -> None:
    assert not known(CIPHER_BY_NAME["aes-128-cbc"], None)
