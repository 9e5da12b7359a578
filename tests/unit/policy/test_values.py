"""Single values: numbers, times, addresses, identities, names of secrets."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.policy import values
from gatewright.policy.addresses import format_address
from gatewright.policy.compiled import Identity, IdentityType
from gatewright.policy.findings import Place
from gatewright.policy.model import AddressKind, AddressSpec, Endpoint, Ports
from gatewright.policy.reading import InvalidValueError
from gatewright.policy.write import format_duration
from gatewright.policy.yaml_tree import Node, Scalar, Sequence

HERE = Place("p.yaml", 1)


def node(text: str) -> Scalar:
    return Scalar(text, True, HERE)


def refused(convert: Callable[[Node], object], text: str) -> InvalidValueError:
    with pytest.raises(InvalidValueError) as caught:
        convert(node(text))
    assert caught.value.instead
    return caught.value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("8h", 28800), ("1h30m", 5400), ("45s", 45), ("3600", 3600), ("1d", 86400), ("1H 5M", 3900)],
)
def test_durations(text: str, seconds: int) -> None:
    assert values.duration(node(text)) == seconds


@pytest.mark.parametrize(
    "text", ["", "h", "1.5h", "-1", "8 hours", "1m1h", "٣s", "9" * 30, "99999d"]
)
def test_what_is_no_duration(text: str) -> None:
    refused(values.duration, text)


@given(st.integers(1, 2**31))
def test_a_duration_is_written_as_it_is_read(seconds: int) -> None:
    assert values.duration(node(format_duration(seconds))) == seconds


@pytest.mark.parametrize("text", ["yes", "true", "on", "Yes"])
def test_yes(text: str) -> None:
    assert values.boolean(node(text)) is True


@pytest.mark.parametrize("text", ["no", "false", "off", "NO"])
def test_no(text: str) -> None:
    assert values.boolean(node(text)) is False


@pytest.mark.parametrize("text", ["1", "maybe", "y"])
def test_neither_yes_nor_no(text: str) -> None:
    refused(values.boolean, text)


@pytest.mark.parametrize("text", ["5", "-1", "x", "1e1", "0x1", "²", "9" * 40])
def test_a_whole_number_in_a_range(text: str) -> None:
    refused(values.integer(0, 4), text)


def test_kilobytes() -> None:
    assert values.kilobytes(node("100000")) == 100_000
    assert values.kilobytes(node("100_000")) == 100_000
    assert values.kilobytes(node("none")) == 0


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("192.168.10.0/24", "192.168.10.0", "192.168.10.255"),
        ("192.168.10.0/255.255.255.0", "192.168.10.0", "192.168.10.255"),
        ("10.0.0.5", "10.0.0.5", "10.0.0.5"),
        ("10.0.0.1-10.0.0.9", "10.0.0.1", "10.0.0.9"),
        ("10.0.0.1 - 10.0.0.9", "10.0.0.1", "10.0.0.9"),
        ("fd00::/64", "fd00::", "fd00::ffff:ffff:ffff:ffff"),
        ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
    ],
)
def test_networks(text: str, first: str, last: str) -> None:
    spec = values.network(node(text))
    assert spec == AddressSpec(AddressKind.RANGE, ip_address(first), ip_address(last))
    assert values.network(node(format_address(spec))) == spec


def test_generic_addresses() -> None:
    assert values.network(node("Any")).kind is AddressKind.ANY
    assert values.network(node("me")).kind is AddressKind.ME
    named = values.network(node("dns:GW.example.org."))
    assert named == AddressSpec(AddressKind.NAME, name="gw.example.org")
    assert format_address(named) == "dns:gw.example.org"


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("192.168.10.1/24", "192.168.10.0/24"),
        ("192.168.10.1/24", "192.168.10.1 for one host"),
        ("192.168.10.0/33", "192.168.10.0/24"),
        ("192.168.10", "subnet"),
        ("10.0.0.9-10.0.0.1", "lower address first"),
        ("10.0.0.1-fd00::1", "lower address first"),
        ("amy", "`any`"),
        ("gateway.example.org", "dns:"),
        ("dns:", "gw.example.org"),
        ("dns:a..b", "gw.example.org"),
        ("fe80::1%eth0", "subnet"),
        ("fe80::%eth0/64", "%"),
        ("", "value"),
    ],
)
def test_what_is_no_network(text: str, instead: str) -> None:
    assert instead in refused(values.network, text).instead


def test_endpoints() -> None:
    assert values.endpoint(node("203.0.113.1")) == Endpoint(ip_address("203.0.113.1"))
    assert values.endpoint(node("2001:db8::1")) == Endpoint(ip_address("2001:db8::1"))
    assert values.endpoint(node("dns:gw.example.org")) == Endpoint(None, "gw.example.org")


@pytest.mark.parametrize("text", ["0.0.0.0", "224.0.0.1", "127.0.0.1", "::", "10.0.0.0/24", "any"])
def test_what_is_no_endpoint(text: str) -> None:
    refused(values.endpoint, text)


def test_a_bare_name_as_endpoint_gets_the_way_to_write_it() -> None:
    assert "`dns:gw.example.org`" in refused(values.endpoint, "gw.example.org").instead


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("203.0.113.1", Identity(IdentityType.ADDRESS, "203.0.113.1")),
        ("address:203.0.113.1", Identity(IdentityType.ADDRESS, "203.0.113.1")),
        ("2001:DB8::1", Identity(IdentityType.ADDRESS, "2001:db8::1")),
        ("gw.example.org", Identity(IdentityType.FQDN, "gw.example.org")),
        ("fqdn:gw.example.org", Identity(IdentityType.FQDN, "gw.example.org")),
        ("gateway", Identity(IdentityType.FQDN, "gateway")),
        ("gw@example.org", Identity(IdentityType.EMAIL, "gw@example.org")),
        ("email:gw@example.org", Identity(IdentityType.EMAIL, "gw@example.org")),
        ("key-id:0A1b", Identity(IdentityType.KEY_ID, "0a1b")),
        ("key-id:0x0a1b", Identity(IdentityType.KEY_ID, "0a1b")),
    ],
)
def test_identities(text: str, identity: Identity) -> None:
    assert values.identity(node(text)) == identity
    assert values.identity(node(str(identity))) == identity


@pytest.mark.parametrize("text", ["@example.org", "a b", "key-id:abc", "key-id:", "x:y", "fqdn:"])
def test_what_is_no_identity(text: str) -> None:
    refused(values.identity, text)


def test_ports_and_protocols() -> None:
    assert values.ports(node("any")) == Ports()
    assert values.ports(node("443")) == Ports(443, 443)
    assert values.ports(node("1000 - 2000")) == Ports(1000, 2000)
    assert values.protocol(node("any")) == 0
    assert values.protocol(node("TCP")) == 6
    assert values.protocol(node("47")) == 47


@pytest.mark.parametrize("text", ["70000", "2-1", "x", "-", "1-", "-1", "1-2-3", "²"])
def test_what_is_no_port(text: str) -> None:
    refused(values.ports, text)


@pytest.mark.parametrize("text", ["tpc", "256", "-1"])
def test_what_is_no_protocol(text: str) -> None:
    refused(values.protocol, text)


@pytest.mark.parametrize(
    "text", ["correct horse battery", "0x00ff", "a/b", "k" * 65, "\u00fc", "!k"]
)
def test_a_key_in_the_place_of_its_name_is_not_repeated(text: str) -> None:
    problem = refused(values.secret_name, text)
    assert text not in problem.what + problem.why + problem.instead
    assert "/etc/gatewright/secrets" in problem.instead


@pytest.mark.parametrize("text", ["eth0 1", "a/b", "averylonginterface", "\u00e9th0"])
def test_what_is_no_interface(text: str) -> None:
    refused(values.interface, text)


def test_free_text_loses_its_line_breaks_and_has_no_control_characters() -> None:
    assert values.text(node(" a\n  b ")) == "a b"
    refused(values.text, "a\x1b[31mb")
    refused(values.text, "x" * 1001)


def test_a_list_is_no_single_value() -> None:
    with pytest.raises(InvalidValueError, match="single value"):
        values.scalar(Sequence((), HERE))


CONVERTERS: list[Callable[[Node], object]] = [
    values.text,
    values.boolean,
    values.integer(0, 10),
    values.duration,
    values.kilobytes,
    values.secret_name,
    values.interface,
    values.endpoint,
    values.network,
    values.identity,
    values.protocol,
    values.ports,
]


def outcome(convert: Callable[[Node], object], text: str) -> object:
    try:
        return convert(node(text))
    except InvalidValueError as problem:
        return problem.what


@given(
    st.sampled_from(CONVERTERS),
    st.text(max_size=40) | st.text("0123456789.:/-abcdef%x@ ", max_size=40),
)
def test_any_text_is_converted_or_invalid(convert: Callable[[Node], object], text: str) -> None:
    assert outcome(convert, text) is not None
