"""Settings of both forms: lifetimes, dead peer detection, methods, keys by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gatewright.policy import load_settings as settings
from gatewright.policy.findings import PolicyError
from gatewright.policy.model import EspMethod
from gatewright.policy.reading import InvalidValueError, Report
from gatewright.policy.yaml_tree import Node, parse_tree


def node(value: str) -> Node:
    return parse_tree(f"x: {value}\n", "p.yaml").entries[0][1]


def read(convert: Callable[[Node], object], value: str) -> str:
    """What a converter says of a value that it refuses."""
    with pytest.raises(InvalidValueError) as caught:
        convert(node(value))
    return caught.value.what


def esp(value: str) -> tuple[EspMethod, ...]:
    report = Report()
    convert = settings.esp_methods(report, lifetime_seconds=3600, lifetime_kilobytes=5, esn=True)
    methods = convert(node(value))
    report.raise_if_any()
    return methods


def test_a_security_method_is_a_line_or_a_mapping() -> None:
    line, mapping = esp("[aes-128-gcm, {esp: aes-256-gcm, lifetime: 1m, lifetime_kilobytes: 0}]")
    assert (line.lifetime, line.lifetime_kilobytes, line.esn) == (3600, 5, True)
    assert (mapping.lifetime, mapping.lifetime_kilobytes, mapping.esn) == (60, 0, True)
    assert esp("{esp: aes-128-gcm}") == esp("aes-128-gcm") == esp("[aes-128-gcm]")


def test_mistakes_inside_a_mapping_are_reported() -> None:
    with pytest.raises(PolicyError, match="lifetyme"):
        esp("{esp: aes-128-gcm, lifetyme: 1m}")


@pytest.mark.parametrize("value", ["0", "0s", "99999999999"])
def test_what_is_no_lifetime(value: str) -> None:
    assert read(settings.lifetime, value)


def test_dead_peer_detection() -> None:
    convert = settings.dpd(Report(), "it")
    assert convert(node("off")) == (0, 150)
    assert convert(node("{}")) == (30, 150)
    assert convert(node("{delay: 1m}")) == (60, 300)
    assert "not longer" in read(convert, "{delay: 10, timeout: 10}")
    assert "off, or" in read(convert, "30s")


def test_a_delay_of_nothing_is_advised_to_be_off() -> None:
    report = Report()
    settings.dpd(report, "it")(node("{delay: 0s}"))
    with pytest.raises(PolicyError, match="all the time") as caught:
        report.raise_if_any()
    assert "dpd: off" in caught.value.findings[0].instead


def test_authentication() -> None:
    convert = settings.preshared_key(Report(), "it")
    assert convert(node("{preshared_key: a}")) == "a"
    assert convert(node("[{preshared_key: a}]")) == "a"
    assert "more than one" in read(convert, "[{preshared_key: a}, {preshared_key: b}]")
    assert "Gatewright does not have" in read(convert, "{kerberos: yes}")


def test_the_number_of_combinations_is_bounded() -> None:
    groups = " | ".join(["x25519", "ecp-256", "ecp-384", "ecp-521", "modp-2048", "modp-3072"])
    ciphers = "aes-128-gcm | aes-192-gcm | aes-256-gcm | chacha20-poly1305"
    prfs = "prf-hmac-sha256 | prf-hmac-sha384 | prf-hmac-sha512"
    assert "72 combinations" in read(settings.ike_methods, f"{ciphers} / {prfs} / {groups}")
    line = f"{ciphers} / {groups}"
    with pytest.raises(InvalidValueError, match="72 combinations"):
        esp(f"[{line}, {line}, {line}]")
