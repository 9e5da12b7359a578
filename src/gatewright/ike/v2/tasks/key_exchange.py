"""Key exchange payloads, as IKE_SA_INIT and CREATE_CHILD_SA share them (RFC 7296 section 1.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gatewright.crypto.groups import InvalidPublicValue, KeyExchange
from gatewright.iana.algorithms import Group
from gatewright.iana.ikev2 import TransformType
from gatewright.ike.outputs import Difference
from gatewright.ike.v2.algorithms import algorithm_name
from gatewright.ike.v2.errors import InvalidKePayload, InvalidSyntax, PeerRefused, PeerViolation
from gatewright.ipsec.secret import Secret
from gatewright.wire.v2.payloads.ke import KePayload
from gatewright.wire.v2.payloads.notify import NotifyPayload


def to_payload(exchange: KeyExchange) -> KePayload:
    return KePayload(exchange.group.number, exchange.public)


def agree(exchange: KeyExchange, peer: KePayload) -> Secret:
    """The shared secret; `InvalidSyntax` for a public value that RFC 6989 forbids."""
    if peer.group != exchange.group.number:
        raise PeerViolation(
            f"the peer's public value is of another group than {exchange.group.name}"
        )
    try:
        return exchange.shared_secret(peer.public)
    except InvalidPublicValue as error:
        raise InvalidSyntax(f"the peer's public value is not valid: {error}") from None


def require_group(chosen: Group, offered: Sequence[KePayload]) -> KePayload:
    """The initiator's public value of the chosen group.

    Raises `InvalidKePayload` when it guessed another group, or none (RFC 7296 section 1.3).
    """
    if offered and offered[0].group == chosen.number:
        return offered[0]
    guessed = algorithm_name(TransformType.KE, (offered[0].group, None)) if offered else "none"
    raise InvalidKePayload(
        chosen.number, f"the peer began with group {guessed}, {chosen.name} is wanted"
    )


def group_wanted(notify: NotifyPayload, offered: Iterable[Group], tried: Iterable[Group]) -> Group:
    """The group that an INVALID_KE_PAYLOAD notify asks for.

    Raises `PeerRefused` for one that we do not offer, and for one that was refused before.
    """
    if len(notify.data) != 2:
        raise PeerViolation("an INVALID_KE_PAYLOAD notify without a group")
    number = int.from_bytes(notify.data, "big")
    names = ", ".join(group.name for group in offered)
    wanted = next((group for group in offered if group.number == number), None)
    theirs = algorithm_name(TransformType.KE, (number, None))
    if wanted is None:
        raise PeerRefused(
            f"the peer wants the key exchange group {theirs}, which is not offered here: let one "
            "side have a group of the other",
            (Difference("key exchange group", names, theirs),),
            received=notify,
        )
    if wanted in tried:
        raise PeerRefused(
            f"the peer asks for the key exchange group {theirs} and refuses it",
            received=notify,
        )
    return wanted
