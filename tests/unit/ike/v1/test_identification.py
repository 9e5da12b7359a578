from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.ike.v1 import identification
from gatewright.ike.v1.errors import InvalidId, Unfit
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Identity, IdentityType
from gatewright.wire.v1.payloads.identification import IdentificationPayload
from tests.support.gateways import selector

IDENTITIES = [
    (Identity(IdentityType.ADDRESS, "203.0.113.1"), 1, bytes([203, 0, 113, 1])),
    (Identity(IdentityType.ADDRESS, "2001:db8::1"), 5, ip_address("2001:db8::1").packed),
    (Identity(IdentityType.FQDN, "gw.example.org"), 2, b"gw.example.org"),
    (Identity(IdentityType.EMAIL, "gw@example.org"), 3, b"gw@example.org"),
    (Identity(IdentityType.KEY_ID, "00ff"), 11, b"\x00\xff"),
]


@pytest.mark.parametrize(("identity", "id_type", "data"), IDENTITIES)
def test_each_kind_of_identity(identity: Identity, id_type: int, data: bytes) -> None:
    payload = identification.identity_payload(identity)
    assert (payload.id_type, payload.protocol, payload.port) == (id_type, 0, 0)
    assert payload.data == data
    assert identification.is_identity(payload, identity)
    assert identification.describe(payload) == str(identity)
    assert not any(
        identification.is_identity(payload, other)
        for other, _, _ in IDENTITIES
        if other != identity
    )


def test_names_are_compared_without_regard_to_case() -> None:
    payload = IdentificationPayload(2, 0, 0, b"GW.Example.ORG")
    assert identification.is_identity(payload, IDENTITIES[2][0])


def test_the_port_of_an_identity_is_that_of_ike() -> None:
    for protocol, port, good in ((0, 0, True), (17, 500, True), (17, 4500, True), (6, 500, False),
                                 (17, 53, False)):  # fmt: skip
        payload = IdentificationPayload(1, protocol, port, bytes(4))
        assert identification.has_ike_port(payload) is good


def test_unprintable_identities_are_shown_escaped() -> None:
    assert identification.describe(IdentificationPayload(2, 0, 0, b"\xffx")) == "fqdn:\\xffx"
    shown = identification.describe(IdentificationPayload(9, 0, 0, b"\x30"))
    assert shown == "DER_ASN1_DN (9) 30"


@pytest.mark.parametrize(
    ("written", "id_type", "data"),
    [
        (selector("192.168.10.0/24"), 4, "c0a80a00ffffff00"),
        (selector("192.168.10.7/32"), 1, "c0a80a07"),
        (selector("0.0.0.0/0"), 4, "0000000000000000"),
        (
            TrafficSelector(ip_address("192.168.10.3"), ip_address("192.168.10.9")),
            7,
            "c0a80a03c0a80a09",
        ),
    ],
)
def test_traffic_selectors(written: TrafficSelector, id_type: int, data: str) -> None:
    payload = identification.selector_payload(written)
    assert (payload.id_type, payload.data.hex()) == (id_type, data)
    assert identification.selector_of(payload) == written


@st.composite
def selectors(draw: st.DrawFn) -> TrafficSelector:
    family = draw(st.sampled_from([st.ip_addresses(v=4), st.ip_addresses(v=6)]))
    first, last = sorted((draw(family), draw(family)), key=int)
    port = draw(st.integers(0, 65535))
    return TrafficSelector(first, last, draw(st.integers(0, 255)), port, port or 65535)


@given(selectors())
def test_every_selector_that_can_be_written_is_read_again(written: TrafficSelector) -> None:
    assert identification.selector_of(identification.selector_payload(written)) == written


def test_a_range_of_ports_cannot_be_written() -> None:
    with pytest.raises(Unfit, match="port range"):
        identification.selector_payload(selector("192.168.10.0/24", 6, 80, 90))


@given(st.integers(0, 255), st.binary(max_size=40))
def test_whatever_comes_is_a_selector_or_refused(id_type: int, data: bytes) -> None:
    try:
        found = identification.selector_of(IdentificationPayload(id_type, 0, 0, data))
    except InvalidId:
        return
    assert int(found.first) <= int(found.last)


@pytest.mark.parametrize(
    ("id_type", "data"),
    [
        (4, "c0a80a00ff00ff00"),  # a mask with holes
        (7, "c0a80a09c0a80a03"),  # downwards
        (4, "c0a80a00"),
        (2, "6162"),
    ],
)
def test_wrong_selectors_are_refused(id_type: int, data: str) -> None:
    with pytest.raises(InvalidId):
        identification.selector_of(IdentificationPayload(id_type, 0, 0, bytes.fromhex(data)))


def test_host_bits_of_a_subnet_are_ignored() -> None:
    payload = IdentificationPayload(4, 0, 0, bytes.fromhex("c0a80a07ffffff00"))
    assert identification.selector_of(payload) == selector("192.168.10.0/24")
