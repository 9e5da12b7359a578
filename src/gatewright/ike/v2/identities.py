"""Identities of the policy as Identification payloads, and back to words (RFC 7296 section 3.5)."""

from __future__ import annotations

from ipaddress import ip_address

from gatewright.iana.ikev2 import IdType
from gatewright.policy.compiled import Identity, IdentityType
from gatewright.wire.v2.payloads.identification import IdPayload

_ADDRESS_SIZES = {IdType.ID_IPV4_ADDR.value: 4, IdType.ID_IPV6_ADDR.value: 16}
_TEXT_TYPES = {
    IdType.ID_FQDN.value: IdentityType.FQDN,
    IdType.ID_RFC822_ADDR.value: IdentityType.EMAIL,
}
_LONGEST_TEXT = 255


def to_payload(identity: Identity, payload_type: int) -> IdPayload:
    """``payload_type`` is IDI or IDR."""
    id_type, data = _encode(identity)
    return IdPayload(payload_type, id_type, data)


def _encode(identity: Identity) -> tuple[int, bytes]:
    match identity.type:
        case IdentityType.ADDRESS:
            address = ip_address(identity.value)
            kind = IdType.ID_IPV4_ADDR if address.version == 4 else IdType.ID_IPV6_ADDR
            return kind, address.packed
        case IdentityType.FQDN:
            return IdType.ID_FQDN, identity.value.encode()
        case IdentityType.EMAIL:
            return IdType.ID_RFC822_ADDR, identity.value.encode()
        case IdentityType.KEY_ID:
            return IdType.ID_KEY_ID, bytes.fromhex(identity.value)


def matches(identity: Identity, payload: IdPayload) -> bool:
    """Whether a peer says to be exactly this; host names are compared without regard to case."""
    id_type, data = _encode(identity)
    if payload.id_type != id_type:
        return False
    if identity.type is IdentityType.FQDN:
        return payload.data.lower() == data.lower()
    return payload.data == data


def describe(payload: IdPayload) -> str:
    """What a peer says to be, in the form in which a policy writes it; safe to print."""
    size = _ADDRESS_SIZES.get(payload.id_type)
    if size == len(payload.data):
        return str(ip_address(payload.data))
    text_type = _TEXT_TYPES.get(payload.id_type)
    if text_type is not None:
        text = payload.data[:_LONGEST_TEXT].decode(errors="backslashreplace")
        printable = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
        return str(Identity(text_type, printable))
    octets = payload.data[:_LONGEST_TEXT].hex()
    if payload.id_type == IdType.ID_KEY_ID:
        return str(Identity(IdentityType.KEY_ID, octets))
    return f"{IdType.describe(payload.id_type)}:{octets}"
