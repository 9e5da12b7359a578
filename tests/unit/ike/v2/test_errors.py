"""One error, one notify (RFC 7296 section 3.10.1)."""

from __future__ import annotations

import pytest

from gatewright.iana.ikev2 import NotifyType, ProtocolId
from gatewright.ike.outputs import Fault
from gatewright.ike.v2.errors import (
    AuthenticationFailed,
    ChildSaNotFound,
    ExchangeError,
    InvalidKePayload,
    InvalidSyntax,
    MalformedMessage,
    NoAdditionalSas,
    NoProposalChosen,
    PeerRefused,
    PeerViolation,
    TemporaryFailure,
    TsUnacceptable,
    Unfit,
    UnsupportedCritical,
    notify_for,
)
from gatewright.wire.v2.payloads.notify import NotifyPayload


@pytest.mark.parametrize(
    ("error", "notify"),
    [
        (InvalidSyntax("x"), NotifyPayload(NotifyType.INVALID_SYNTAX)),
        (MalformedMessage("x"), NotifyPayload(NotifyType.INVALID_SYNTAX)),
        (
            UnsupportedCritical(200),
            NotifyPayload(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, b"\xc8"),
        ),
        (NoProposalChosen("x"), NotifyPayload(NotifyType.NO_PROPOSAL_CHOSEN)),
        (InvalidKePayload(31, "x"), NotifyPayload(NotifyType.INVALID_KE_PAYLOAD, b"\0\x1f")),
        (AuthenticationFailed("x"), NotifyPayload(NotifyType.AUTHENTICATION_FAILED)),
        (TsUnacceptable("x"), NotifyPayload(NotifyType.TS_UNACCEPTABLE)),
        (NoAdditionalSas("x"), NotifyPayload(NotifyType.NO_ADDITIONAL_SAS)),
        (TemporaryFailure("x"), NotifyPayload(NotifyType.TEMPORARY_FAILURE)),
        (
            ChildSaNotFound(b"\1\2\3\4"),
            NotifyPayload(NotifyType.CHILD_SA_NOT_FOUND, b"", ProtocolId.ESP, b"\1\2\3\4"),
        ),
        (PeerViolation("x"), None),
        (Unfit("x"), None),
    ],
)
def test_the_notify_of_each_error(error: ExchangeError, notify: NotifyPayload | None) -> None:
    assert notify_for(error) == notify
    assert error.notify_name == ("" if notify is None else NotifyType(notify.type).name)  # type: ignore[call-arg]


def test_a_refusal_of_the_peer_is_named_and_never_sent_back() -> None:
    refused = PeerRefused("x", received=NotifyPayload(NotifyType.NO_ADDITIONAL_SAS))
    assert (refused.fault, refused.notify_name) == (Fault.REFUSED, "NO_ADDITIONAL_SAS")
    assert notify_for(refused) is None
    unknown = PeerRefused("x", received=NotifyPayload(12345))
    assert unknown.notify_name == "unknown (12345)"


def test_what_ends_an_ike_sa() -> None:
    assert InvalidSyntax("x").fatal
    assert AuthenticationFailed("x").fatal
    assert not NoProposalChosen("x").fatal
    assert not UnsupportedCritical(200).fatal
