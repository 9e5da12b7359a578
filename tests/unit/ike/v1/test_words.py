from gatewright.ike.v1 import words


def test_the_policy_s_own_word_where_it_has_one() -> None:
    assert words.phase_one_cipher(7, 256) == "aes-256-cbc"
    assert words.phase_one_cipher(5, 0) == "3des-cbc"
    assert words.esp_cipher(20, 128) == "aes-128-gcm"
    assert words.esp_cipher(11, 0) == "null"
    assert words.hash_(2) == "sha1"
    assert words.integrity(5) == "hmac-sha256-128"
    assert words.group(14) == "modp-2048"


def test_the_registry_s_where_not() -> None:
    assert words.phase_one_cipher(3, 128) == "BLOWFISH_CBC (3) with 128 bits"
    assert words.esp_cipher(22, 0) == "CAMELLIA_CBC (22)"
    assert words.hash_(3) == "TIGER (3)"
    assert words.integrity(9) == "AES_XCBC_MAC (9)"
    assert words.group(24) == "group 24"
    assert words.authentication_method(3) == "certificate with RSA signatures"
    assert words.authentication_method(77) == "method 77"
    assert words.encapsulation_mode(61443) == "tunnel in UDP (draft)"


def test_what_is_not_there_is_none() -> None:
    assert words.phase_one_cipher(0, 0) == words.hash_(0) == words.group(0) == "none"
    assert words.integrity(0) == words.encapsulation_mode(0) == "none"
