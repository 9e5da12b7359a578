"""Public values and groups."""

from __future__ import annotations

import pytest

from gatewright.crypto.groups import generate
from gatewright.iana.algorithms import GROUP_BY_NAME
from gatewright.iana.ikev2 import NotifyType
from gatewright.ike.v2.errors import InvalidKePayload, InvalidSyntax, PeerRefused, PeerViolation
from gatewright.ike.v2.tasks.key_exchange import agree, group_wanted, require_group, to_payload
from gatewright.wire.v2.payloads.ke import KePayload
from gatewright.wire.v2.payloads.notify import NotifyPayload
from tests.support.entropy import seeded

X25519, ECP_256 = GROUP_BY_NAME["x25519"], GROUP_BY_NAME["ecp-256"]


@pytest.mark.parametrize("group", [X25519, ECP_256])
def test_both_sides_reach_the_same_secret(group: object) -> None:
    ours = generate(group, seeded(1))  # type: ignore[arg-type]
    theirs = generate(group, seeded(2))  # type: ignore[arg-type]
    assert agree(ours, to_payload(theirs)) == agree(theirs, to_payload(ours))


def test_a_public_value_that_gives_the_secret_away_is_refused() -> None:
    with pytest.raises(InvalidSyntax):
        agree(generate(X25519, seeded(1)), KePayload(31, bytes(32)))
    with pytest.raises(InvalidSyntax):
        agree(generate(ECP_256, seeded(1)), KePayload(19, bytes(64)))
    with pytest.raises(InvalidSyntax):
        agree(generate(X25519, seeded(1)), KePayload(31, bytes(31)))


def test_a_value_of_another_group() -> None:
    with pytest.raises(PeerViolation):
        agree(generate(X25519, seeded(1)), KePayload(19, bytes(64)))
    with pytest.raises(InvalidKePayload) as caught:
        require_group(X25519, [KePayload(19, bytes(64))])
    assert caught.value.group == 31
    with pytest.raises(InvalidKePayload, match="none"):
        require_group(X25519, [])
    right = KePayload(31, bytes(32))
    assert require_group(X25519, [right]) == right


def wanted(number: int) -> NotifyPayload:
    return NotifyPayload(NotifyType.INVALID_KE_PAYLOAD, number.to_bytes(2, "big"))


def test_the_group_that_the_peer_wants() -> None:
    assert group_wanted(wanted(19), [X25519, ECP_256], [X25519]) == ECP_256
    with pytest.raises(PeerRefused, match="not offered"):
        group_wanted(wanted(14), [X25519, ECP_256], [X25519])
    with pytest.raises(PeerRefused, match="asks for"):
        group_wanted(wanted(31), [X25519, ECP_256], [X25519])
    with pytest.raises(PeerViolation):
        group_wanted(NotifyPayload(NotifyType.INVALID_KE_PAYLOAD, b"\x13"), [ECP_256], [])
