"""Identities and traffic selectors as identification payloads (RFC 2407 section 4.6.2)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from gatewright.iana.ikev1 import IdType
from gatewright.ike.v1.errors import InvalidId, Unfit
from gatewright.ipsec.selectors import LAST_PORT, IPAddress, TrafficSelector
from gatewright.policy.compiled import Identity, IdentityType
from gatewright.wire.v1.payloads.identification import IdentificationPayload

UDP = 17
_IKE_PORTS = (0, 500, 4500)  # RFC 2407 section 4.6.2, RFC 3947 section 4

_ADDRESS = {IdType.IPV4_ADDR: 4, IdType.IPV6_ADDR: 16}
_SUBNET = {IdType.IPV4_ADDR_SUBNET: 4, IdType.IPV6_ADDR_SUBNET: 16}
_RANGE = {IdType.IPV4_ADDR_RANGE: 4, IdType.IPV6_ADDR_RANGE: 16}

_NAMES = {
    IdentityType.FQDN: IdType.FQDN,
    IdentityType.EMAIL: IdType.USER_FQDN,
    IdentityType.KEY_ID: IdType.KEY_ID,
}


# --- phase 1: who somebody is -----------------------------------------------------------------


def identity_payload(identity: Identity) -> IdentificationPayload:
    """An identity for main mode, with protocol and port 0 (RFC 2407 section 4.6.2)."""
    if identity.type is IdentityType.ADDRESS:
        address = ip_address(identity.value)
        id_type = IdType.IPV4_ADDR if address.version == 4 else IdType.IPV6_ADDR
        return IdentificationPayload(id_type, 0, 0, address.packed)
    return IdentificationPayload(_NAMES[identity.type], 0, 0, _name_octets(identity))


def is_identity(payload: IdentificationPayload, identity: Identity) -> bool:
    """Whether the peer says to be this one; names are compared without regard to case."""
    expected = identity_payload(identity)
    if payload.id_type != expected.id_type:
        return False
    if identity.type in (IdentityType.FQDN, IdentityType.EMAIL):
        return payload.data.lower() == expected.data.lower()
    return payload.data == expected.data


def has_ike_port(payload: IdentificationPayload) -> bool:
    """RFC 2407 section 4.6.2: protocol and port of an identity are those of IKE, or zero."""
    return payload.protocol in (0, UDP) and payload.port in _IKE_PORTS


def describe(payload: IdentificationPayload) -> str:
    """An identity for people."""
    known = IdType.find(payload.id_type)
    if known in _ADDRESS and len(payload.data) == _ADDRESS[known]:
        return str(_address(payload.data))
    if known in (IdType.FQDN, IdType.USER_FQDN):
        text = payload.data.decode("ascii", "backslashreplace")
        return f"{'fqdn' if known is IdType.FQDN else 'email'}:{text}"
    if known is IdType.KEY_ID:
        return f"key-id:{payload.data.hex()}"
    return f"{IdType.describe(payload.id_type)} {payload.data.hex()}"


def _name_octets(identity: Identity) -> bytes:
    if identity.type is IdentityType.KEY_ID:
        return bytes.fromhex(identity.value)
    return identity.value.encode("ascii", "ignore")


# --- phase 2: which traffic -------------------------------------------------------------------


def selector_payload(selector: TrafficSelector) -> IdentificationPayload:
    """A traffic selector for quick mode: an address, a subnet, or else a range.

    Raises `Unfit` for a range of ports, which RFC 2407 has no form for.
    """
    port = 0 if selector.any_port else selector.first_port
    if not selector.any_port and selector.first_port != selector.last_port:
        raise Unfit(
            f"IKEv1 has no way to write the port range of {selector}; "
            "use one port, or all, or IKEv2"
        )
    v4 = selector.version == 4
    networks = selector.networks()
    if selector.first == selector.last:
        id_type = IdType.IPV4_ADDR if v4 else IdType.IPV6_ADDR
        data = selector.first.packed
    elif len(networks) == 1:
        id_type = IdType.IPV4_ADDR_SUBNET if v4 else IdType.IPV6_ADDR_SUBNET
        data = networks[0].network_address.packed + networks[0].netmask.packed
    else:
        id_type = IdType.IPV4_ADDR_RANGE if v4 else IdType.IPV6_ADDR_RANGE
        data = selector.first.packed + selector.last.packed
    return IdentificationPayload(id_type, selector.protocol, port, data)


def selector_of(payload: IdentificationPayload) -> TrafficSelector:
    """The traffic selector that the peer writes; `InvalidId` for what is none."""
    first, last = _address_range(payload)
    ports = (payload.port, payload.port) if payload.port else (0, LAST_PORT)
    try:
        return TrafficSelector(first, last, payload.protocol, *ports)
    except ValueError as error:
        raise InvalidId(f"the peer's traffic selector is wrong: {error}") from error


def host_selector(address: IPAddress) -> TrafficSelector:
    """What a quick mode without identification payloads speaks of (RFC 2409 section 5.5)."""
    return TrafficSelector(address, address)


def _address_range(payload: IdentificationPayload) -> tuple[IPAddress, IPAddress]:
    known = IdType.find(payload.id_type)
    data = payload.data
    if known in _ADDRESS and len(data) == _ADDRESS[known]:
        return _address(data), _address(data)
    if known in _RANGE and len(data) == 2 * _RANGE[known]:
        return _address(data[: _RANGE[known]]), _address(data[_RANGE[known] :])
    if known in _SUBNET and len(data) == 2 * _SUBNET[known]:
        return _subnet(data[: _SUBNET[known]], data[_SUBNET[known] :])
    raise InvalidId(
        f"the peer's traffic selector is of type {IdType.describe(payload.id_type)} "
        f"with {len(data)} octets, which is no address, subnet or range"
    )


def _subnet(address: bytes, mask: bytes) -> tuple[IPAddress, IPAddress]:
    host_bits = int.from_bytes(mask, "big") ^ (2 ** (8 * len(mask)) - 1)
    if host_bits & (host_bits + 1):
        raise InvalidId(f"the peer's subnet mask {mask.hex()} has holes")
    first = int.from_bytes(address, "big") & ~host_bits
    length = len(address)
    return (
        _address(first.to_bytes(length, "big")),
        _address((first | host_bits).to_bytes(length, "big")),
    )


def _address(octets: bytes) -> IPAddress:
    return IPv4Address(octets) if len(octets) == 4 else IPv6Address(octets)
