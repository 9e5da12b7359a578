"""Algorithms as text: what is read, and how it is written again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.iana.algorithms import CIPHERS, GROUPS, INTEGRITIES, PRFS
from gatewright.policy.algorithm_text import (
    format_esp,
    format_ike,
    parse_esp,
    parse_groups,
    parse_ike,
)
from gatewright.policy.findings import NOWHERE
from gatewright.policy.model import EspMethod, IkeMethod
from gatewright.policy.reading import InvalidValueError


def names(rows: tuple[object, ...]) -> list[str]:
    return [getattr(row, "name") for row in rows]  # noqa: B009  rows have no common type


def test_alternatives_keep_their_order_and_kinds_may_stand_in_any_order() -> None:
    one = parse_ike("aes-256-gcm | aes-128-gcm / prf-hmac-sha384 / x25519 | ecp-256", NOWHERE)
    assert names(one.ciphers) == ["aes-256-gcm", "aes-128-gcm"]
    assert names(one.prfs) == ["prf-hmac-sha384"]
    assert names(one.groups) == ["x25519", "ecp-256"]
    assert one == parse_ike(" X25519|ECP-256/ PRF-HMAC-SHA384 /aes-256-gcm |AES-128-GCM", NOWHERE)


def test_the_prf_is_that_of_the_integrity_unless_it_is_named() -> None:
    line = parse_ike("3des-cbc / hmac-sha1-96 | hmac-md5-96 / modp-1024", NOWHERE)
    assert names(line.prfs) == ["prf-hmac-sha1", "prf-hmac-md5"]
    named = parse_ike("aes-128-cbc / hmac-sha1-96 / prf-hmac-sha256 / modp-2048", NOWHERE)
    assert names(named.prfs) == ["prf-hmac-sha256"]


def test_a_group_in_an_esp_line_is_perfect_forward_secrecy() -> None:
    assert parse_esp("aes-128-gcm", NOWHERE).groups == ()
    assert names(parse_esp("aes-128-gcm / x25519", NOWHERE).groups) == ["x25519"]
    assert names(parse_groups("x25519 | modp-2048")) == ["x25519", "modp-2048"]


@pytest.mark.parametrize(
    ("text", "what", "instead"),
    [
        ("aes-256-gcm / hmac-sha256-128 / prf-hmac-sha256 / x25519", "AEAD", "remove"),
        ("aes-256-gcm | aes-256-cbc / hmac-sha256-128 / x25519", "does not", "two lines"),
        ("aes-256-cbc / x25519", "without an integrity", "hmac-sha256-128"),
        ("aes-256-gcm / x25519", "no prf", "prf-hmac-sha256"),
        ("aes-256-cbc / hmac-sha256-128", "no group", "x25519"),
        ("null / hmac-sha256-128 / x25519", "unencrypted", "name a cipher"),
        ("hmac-sha256-128 / x25519", "no encryption", "begin with"),
        ("aes-256-gcm / aes-128-gcm / x25519", "twice", "bar"),
        ("aes-256-gcm | x25519", "different kinds", "for example"),
        ("aes-257-gcm / x25519", "not an algorithm", "`aes-2"),
        ("aes256 / sha256 / modp2048", "not an algorithm", "`aes-256-cbc`"),
        ("", "not an algorithm", "the names are"),
        ("/", "not an algorithm", "the names are"),
        ("a" * 2000, "too long", "lines"),
    ],
)
def test_what_is_wrong_with_a_line(text: str, what: str, instead: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_ike(text, NOWHERE)
    problem = caught.value
    assert what in problem.what + problem.why
    assert instead in problem.instead


def test_a_prf_does_not_belong_to_esp() -> None:
    with pytest.raises(InvalidValueError, match="names a prf"):
        parse_esp("aes-256-gcm / prf-hmac-sha256", NOWHERE)


def test_null_encryption_is_for_esp_alone() -> None:
    assert names(parse_esp("null / hmac-sha256-128", NOWHERE).ciphers) == ["null"]


def test_only_groups_are_groups() -> None:
    with pytest.raises(InvalidValueError, match="no list of groups"):
        parse_groups("aes-256-gcm")


def some(rows: tuple[object, ...]) -> st.SearchStrategy[list[object]]:
    return st.lists(st.sampled_from(rows), min_size=1, max_size=4, unique=True)


AEADS = tuple(row for row in CIPHERS if row.aead)
BLOCK = tuple(row for row in CIPHERS if not row.aead)


@given(st.data())
def test_a_line_is_written_as_it_is_read(data: st.DataObject) -> None:
    aead = data.draw(st.booleans())
    ciphers = tuple(data.draw(some(AEADS if aead else BLOCK)))
    integrities = () if aead else tuple(data.draw(some(INTEGRITIES)))
    groups = tuple(data.draw(some(GROUPS)))
    esp = EspMethod(ciphers, integrities, groups, esn=True)  # type: ignore[arg-type]
    assert parse_esp(format_esp(esp), NOWHERE) == esp
    usable = tuple(row for row in ciphers if getattr(row, "name") != "null")  # noqa: B009
    if usable:
        prfs = tuple(data.draw(some(PRFS)))
        ike = IkeMethod(usable, integrities, prfs, groups)  # type: ignore[arg-type]
        assert parse_ike(format_ike(ike), NOWHERE) == ike
