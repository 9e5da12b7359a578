"""What a peer's error notify means for the administrator here: why, and what to change."""

from __future__ import annotations

from collections.abc import Sequence

from gatewright.iana.ikev2 import NotifyType
from gatewright.ike.outputs import Difference
from gatewright.ike.v2 import selectors
from gatewright.ike.v2.differences import offered_items
from gatewright.ike.v2.errors import PeerRefused
from gatewright.ike.v2.proposals import esp_suite, ike_suite
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Child, Connection
from gatewright.wire.v2.payloads.notify import NotifyPayload

_NOT_TOLD = "not told; none of these"


def ike_refused(notify: NotifyPayload, connection: Connection) -> PeerRefused:
    """IKE_SA_INIT, or a rekey of the IKE SA."""
    if notify.type == NotifyType.NO_PROPOSAL_CHOSEN:
        suites = [ike_suite(method) for method in connection.proposals]
        return PeerRefused(
            "the peer accepts none of our key exchange proposals, or has no connection for our "
            "address: compare the algorithms of the two policies, item by item",
            offered_items(suites, _NOT_TOLD),
            received=notify,
        )
    if notify.type == NotifyType.INVALID_MAJOR_VERSION:
        return PeerRefused(
            "the peer does not speak IKEv2: set the version of this tunnel to 1, or enable IKEv2 "
            "there",
            (Difference("IKE version", "2", "1"),),
            received=notify,
        )
    return _plain(notify)


def auth_refused(notify: NotifyPayload, connection: Connection) -> PeerRefused:
    """IKE_AUTH, as a whole."""
    if notify.type == NotifyType.AUTHENTICATION_FAILED:
        secret = connection.authentication.secret
        return PeerRefused(
            "the peer rejects our authentication: its preshared key differs from ours, or it "
            f"expects another identity than {connection.local_identity} from us, or it calls "
            f"itself otherwise than {connection.remote_identity}. Compare the key "
            f"{secret!r} and both identities with the peer's settings; its log says which",
            (
                Difference("preshared key", f"the key {secret!r}", "another key, or none for us"),
                Difference("our identity", str(connection.local_identity), "not told"),
                Difference("peer identity", str(connection.remote_identity), "not told"),
            ),
            received=notify,
        )
    return _plain(notify)


def child_refused(
    notify: NotifyPayload,
    child: Child,
    local: Sequence[TrafficSelector],
    remote: Sequence[TrafficSelector],
    *,
    with_group: bool,
) -> PeerRefused:
    """A child SA, in IKE_AUTH or CREATE_CHILD_SA."""
    match notify.type:
        case NotifyType.NO_PROPOSAL_CHOSEN:
            suites = [esp_suite(method, with_group=with_group) for method in child.proposals]
            return PeerRefused(
                "the peer accepts none of our ESP proposals: compare the security methods of the "
                "two policies, perfect forward secrecy included",
                offered_items(suites, _NOT_TOLD),
                received=notify,
            )
        case NotifyType.TS_UNACCEPTABLE | NotifyType.SINGLE_PAIR_REQUIRED:
            return PeerRefused(
                "the peer accepts no part of our traffic selectors: the networks of both sides "
                "have to mirror each other (our local ones are its remote ones)",
                (
                    Difference("local traffic selector", selectors.words(local), "not told"),
                    Difference("remote traffic selector", selectors.words(remote), "not told"),
                ),
                received=notify,
            )
        case NotifyType.NO_ADDITIONAL_SAS:
            return PeerRefused(
                "the peer makes no further child SAs under this IKE SA", received=notify
            )
        case NotifyType.INTERNAL_ADDRESS_FAILURE | NotifyType.FAILED_CP_REQUIRED:
            return PeerRefused(
                "the peer treats us as a remote access client that has to ask for an address: "
                "configure a site-to-site connection there",
                received=notify,
            )
        case _:
            return _plain(notify)


def _plain(notify: NotifyPayload) -> PeerRefused:
    known = NotifyType.find(notify.type)
    meaning = f": {known.text}" if known is not None else ""
    return PeerRefused(f"the peer refuses with {notify.name}{meaning}", received=notify)
