"""Lines of algorithms to proposals, for one version of IKE.

The version decides what there is: IKEv1 has numbers for fewer algorithms, and its quick mode one
group for all offers.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from gatewright.iana.algorithms import Cipher, Group, Integrity
from gatewright.policy.compiled import EspProposal, IkeProposal, IkeVersion
from gatewright.policy.findings import Finding, Place, error
from gatewright.policy.model import EspMethod, FilterAction, IkeMethod, KeyExchange

# RFC 8031 defines curve25519 for IKEv2 alone.
_GROUPS_ONLY_V2 = frozenset({"x25519"})


def ike_proposals(exchange: KeyExchange) -> tuple[IkeProposal, ...]:
    """In order of preference, each once."""
    proposals = [
        IkeProposal(cipher, integrity, prf, group)
        for method in exchange.methods
        for cipher, integrity, prf, group in product(
            method.ciphers, _integrities(method), method.prfs, method.groups
        )
        # IKEv1 negotiates one hash, which is prf and integrity at once (RFC 2409 section 4).
        if exchange.version is IkeVersion.V2 or integrity is None or integrity.hash == prf.hash
    ]
    return tuple(dict.fromkeys(proposals))


def esp_proposals(action: FilterAction, exchange: KeyExchange) -> tuple[EspProposal, ...]:
    """In order of preference, each once."""
    proposals = [
        EspProposal(
            cipher,
            integrity,
            group,
            method.esn and exchange.version is IkeVersion.V2,
            method.lifetime,
            method.lifetime_kilobytes,
        )
        for method in action.methods
        for cipher, integrity, group in product(
            method.ciphers, _integrities(method), pfs_groups(method, action, exchange) or (None,)
        )
    ]
    return tuple(dict.fromkeys(proposals))


def pfs_groups(method: EspMethod, action: FilterAction, exchange: KeyExchange) -> tuple[Group, ...]:
    """The groups for session keys: those of the line, or those of the key exchange."""
    if not action.pfs_of_key_exchange:
        return method.groups
    groups = tuple(dict.fromkeys(group for one in exchange.methods for group in one.groups))
    return groups[:1] if exchange.version is IkeVersion.V1 else groups


def incompatible(action: FilterAction, exchange: KeyExchange) -> Iterable[Finding]:
    """What this version of IKE cannot negotiate."""
    if exchange.version is IkeVersion.V2:
        return
    for line in exchange.methods:
        yield from _v1_ike(line)
    for method in action.methods:
        yield from _v1_esp(method)
    groups = {group.name for method in action.methods for group in method.groups}
    if len(groups) > 1:
        yield error(
            "ikev1-pfs-groups",
            action.methods[0].place,
            f"the session keys are to be made in {' or '.join(sorted(groups))}",
            "quick mode of IKEv1 carries one key exchange, whose group cannot be chosen by the "
            "peer (RFC 2409 section 5.5)",
            "name one group, the same in each security method",
        )
    if len({method.groups == () for method in action.methods}) > 1:
        yield error(
            "ikev1-pfs-groups",
            action.methods[0].place,
            "some security methods have perfect forward secrecy and some have not",
            "quick mode of IKEv1 carries a key exchange or does not, before the peer chooses "
            "(RFC 2409 section 5.5)",
            "name the same group in each security method, or none",
        )


def _v1_ike(line: IkeMethod) -> Iterable[Finding]:
    for cipher in line.ciphers:
        if cipher.ikev1 is None:
            yield _not_in_v1(cipher.name, line.place, "aes-256-cbc / hmac-sha256-128")
    for group in line.groups:
        if group.name in _GROUPS_ONLY_V2:
            yield _not_in_v1(group.name, line.place, "modp-2048 or ecp-256")
    if line.integrities and not {i.hash for i in line.integrities} & {p.hash for p in line.prfs}:
        yield error(
            "ikev1-two-hashes",
            line.place,
            f"{line.integrities[0].name} and {line.prfs[0].name} are different hashes",
            "IKEv1 negotiates one hash for both (RFC 2409 section 4)",
            "leave the prf away",
        )


def _v1_esp(method: EspMethod) -> Iterable[Finding]:
    rows: tuple[Cipher | Integrity, ...] = (*method.ciphers, *method.integrities)
    for row in rows:
        if row.doi is None:
            yield _not_in_v1(row.name, method.place, "aes-256-gcm or aes-256-cbc")
    for group in method.groups:
        if group.name in _GROUPS_ONLY_V2:
            yield _not_in_v1(group.name, method.place, "modp-2048 or ecp-256")


def _not_in_v1(name: str, place: Place, alternative: str) -> Finding:
    return error(
        "not-in-ikev1",
        place,
        f"{name} cannot be negotiated with IKEv1",
        "no number is assigned to it there",
        f"write {alternative}, or `ike_version: 2`",
    )


def _integrities(method: IkeMethod | EspMethod) -> tuple[Integrity | None, ...]:
    return method.integrities or (None,)


def ciphers_of(methods: Iterable[IkeMethod | EspMethod]) -> Iterable[Cipher]:
    for method in methods:
        yield from method.ciphers
