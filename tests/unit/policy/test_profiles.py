"""The named sets of algorithms."""

from __future__ import annotations

import pytest

from gatewright.iana.algorithms import Strength
from gatewright.policy.compiled import Connection, IkeVersion
from gatewright.policy.profiles import DEFAULT_VERSION, ProfileName, find_profile
from tests.unit.policy.samples import compiled, short


def connection(*lines: str) -> Connection:
    return compiled(short(*lines)).connections[0]


@pytest.mark.parametrize("lines", [[], ["ike_version: 1"]])
def test_modern_offers_nothing_weak_and_pfs_always(lines: list[str]) -> None:
    one = connection(*lines)
    for ike in one.proposals:
        rows = (ike.cipher, ike.integrity, ike.prf, ike.group)
        assert all(row is None or row.strength is Strength.MODERN for row in rows)
    for esp in one.children[0].proposals:
        assert esp.cipher.strength is Strength.MODERN
        assert esp.group is not None
        assert (esp.cipher.aead) == (esp.integrity is None)
    assert one.lifetime == 28800


def test_modern_offers_each_combination_once() -> None:
    one = connection()
    assert len(set(one.proposals)) == len(one.proposals) == 3 * 2 * 6
    assert len({(p.cipher, p.group) for p in one.children[0].proposals}) == 18
    first = one.proposals[0]
    assert (first.cipher.name, first.prf.name, first.group.name) == (
        "aes-128-gcm", "prf-hmac-sha256", "x25519",
    )  # fmt: skip


def test_ikev1_quick_mode_has_one_group() -> None:
    one = connection("ike_version: 1")
    assert {p.group.name for p in one.children[0].proposals if p.group} == {"modp-2048"}
    assert not any(p.esn for p in one.children[0].proposals)


def test_windows_2003_is_what_such_a_gateway_offers_in_its_order() -> None:
    one = connection("profile: windows-2003")
    assert one.version is IkeVersion.V1
    assert [(p.cipher.name, p.prf.hash, p.group.number) for p in one.proposals] == [
        ("3des-cbc", "sha1", 2),
        ("3des-cbc", "md5", 2),
        ("des-cbc", "sha1", 1),
        ("des-cbc", "md5", 1),
    ]
    assert [
        (p.cipher.name, p.integrity and p.integrity.hash) for p in one.children[0].proposals
    ] == [
        ("3des-cbc", "sha1"),
        ("3des-cbc", "md5"),
        ("des-cbc", "sha1"),
        ("des-cbc", "md5"),
    ]
    assert {(p.lifetime_seconds, p.lifetime_kilobytes) for p in one.children[0].proposals} == {
        (3600, 100_000)
    }
    assert one.lifetime == 28800


def test_each_profile_exists_in_its_own_version() -> None:
    for name in ProfileName:
        assert find_profile(name, DEFAULT_VERSION[name]) is not None
    assert find_profile(ProfileName.WINDOWS_2003, IkeVersion.V2) is None
