"""IKE_AUTH: prove who one is, and make the first child SA (RFC 7296 sections 1.2, 2.15, 2.16).

::

    HDR, SK {IDi, IDr, AUTH, SAi2, TSi, TSr}  -->
                                              <--  HDR, SK {IDr, AUTH, SAr2, TSi, TSr}

The child SA may fail while the IKE SA stands: then an error notify is in the place of its three
payloads.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.constant_time import bytes_eq

from gatewright.crypto.keymat_v2 import psk_auth, signed_octets
from gatewright.iana.ikev2 import AuthMethod, ExchangeType, NotifyType, PayloadType
from gatewright.ike.child_index import ChildIndex
from gatewright.ike.outputs import CloseOtherSessions, Difference, Fault
from gatewright.ike.v2 import child_terms, identities, selectors
from gatewright.ike.v2.child_terms import ChildOffer, KeyMaterial
from gatewright.ike.v2.errors import (
    AuthenticationFailed,
    ExchangeError,
    InvalidSyntax,
    PeerRefused,
    PeerViolation,
    TsUnacceptable,
    notify_for,
)
from gatewright.ike.v2.refusals import auth_refused
from gatewright.ike.v2.rules import Shape, first_error
from gatewright.ike.v2.sa import Handshake, IkeSa
from gatewright.ike.v2.states import Event
from gatewright.ike.v2.tasks.child_create import CreateChild
from gatewright.ike.v2.tasks.delete import DeleteIke, DeleteSpi
from gatewright.ike.v2.tasks.task import Inbound, Purpose, Subject, Task
from gatewright.ipsec.secret import Secret
from gatewright.policy.compiled import Connection
from gatewright.wire.v2.message import Payload, select
from gatewright.wire.v2.payloads.auth import AuthPayload
from gatewright.wire.v2.payloads.identification import IdPayload
from gatewright.wire.v2.payloads.notify import NotifyPayload
from gatewright.wire.v2.payloads.sa import SaPayload
from gatewright.wire.v2.payloads.ts import TsPayload


class Authenticate(Task):
    """The initiator."""

    exchange = ExchangeType.IKE_AUTH

    def __init__(self) -> None:
        self._offer: ChildOffer | None = None

    def build(self, sa: IkeSa, now: float) -> Sequence[Payload]:
        del now
        sa.advance(Event.AUTH_REQUESTED)
        connection = sa.connection
        id_i = identities.to_payload(connection.local_identity, PayloadType.IDI)
        id_r = identities.to_payload(connection.remote_identity, PayloadType.IDR)
        key = preshared_key(sa, connection)
        auth = AuthPayload(AuthMethod.SHARED_KEY, _auth_data(sa, id_i, key))
        contact: list[Payload] = []
        if _is_first_contact(sa):
            contact.append(NotifyPayload(NotifyType.INITIAL_CONTACT))
        self._offer = _first_child(sa)
        return [id_i, *contact, id_r, auth, *(self._offer.payloads() if self._offer else ())]

    @property
    def subject(self) -> Subject | None:
        if self._offer is None:
            return None
        return Subject(Purpose.NEW_CHILD, self._offer.child.policy_id)

    def response_shape(self, payloads: Sequence[Payload]) -> Shape:
        if first_error(payloads) is None and self._offer is not None:
            return Shape.AUTH_RESPONSE
        if not select(payloads, AuthPayload) and first_error(payloads) is not None:
            return Shape.REFUSAL
        return Shape.AUTH_RESPONSE_WITHOUT_CHILD

    def process(self, sa: IkeSa, inbound: Inbound, now: float) -> Task | None:
        payloads = inbound.payloads
        error = first_error(payloads)
        id_r, auth = select(payloads, IdPayload), select(payloads, AuthPayload)
        if error is not None and not auth:
            raise auth_refused(error, sa.connection)
        _check_identity(sa.connection, id_r[0])
        _check_auth(sa, sa.connection, id_r[0], auth[0] if auth else None)
        handshake = _handshake(sa)
        sa.peer_identity = identities.describe(id_r[0])
        sa.establish(now)
        if self._offer is not None:
            self._finish_child(sa, self._offer, handshake, payloads, now)
        return None

    def _finish_child(
        self,
        sa: IkeSa,
        offer: ChildOffer,
        handshake: Handshake,
        payloads: Sequence[Payload],
        now: float,
    ) -> None:
        error = first_error(payloads)
        if error is not None:
            sa.report("child SA", offer.refused(error), offer.child)
            return
        try:
            terms = offer.accepted(payloads)
        except ExchangeError as violation:
            sa.report("child SA", violation, offer.child)
            sa.agenda.add(DeleteSpi(offer.spi_in))
            return
        material = KeyMaterial(handshake.nonce_i, handshake.nonce_r, None, we_initiated=True)
        child_terms.establish(sa, terms, material, now)

    def failed(self, sa: IkeSa, error: ExchangeError, now: float) -> None:
        """What we found wrong ourselves, the peer is told (RFC 7296 section 2.21.2)."""
        del now
        sa.report("IKE SA", error)
        notify = notify_for(error)
        if isinstance(error, PeerRefused):
            sa.advance(Event.ENDED)
        else:
            reason = notify or NotifyPayload(NotifyType.AUTHENTICATION_FAILED)
            sa.agenda.add_first(DeleteIke(error.explanation, reason))


def _is_first_contact(sa: IkeSa) -> bool:
    """Whether no other IKE SA stands between these two identities (RFC 7296 section 2.4).

    The peer then drops what it still has from before a restart of ours.
    """
    connection = sa.connection
    ours = (connection.local_identity, connection.remote_identity)
    return not any(
        other.established
        and (other.connection.local_identity, other.connection.remote_identity) == ours
        for other in sa.context.sessions_between(connection.local, connection.remote)
    )


def _first_child(sa: IkeSa) -> ChildOffer | None:
    """The child that waits longest, else the first of the policy."""
    for task in sa.agenda:
        if isinstance(task, CreateChild):
            sa.agenda.remove(task)
            return ChildOffer(sa, task.child, task.trigger, with_group=False)
    if not sa.connection.children:
        return None
    return ChildOffer(sa, sa.connection.children[0], None, with_group=False)


# --- the responder ----------------------------------------------------------------------------


def respond(sa: IkeSa, inbound: Inbound, now: float) -> list[Payload]:
    """Raises `AuthenticationFailed`, after which the SA is gone."""
    payloads = inbound.payloads
    connection = _authenticate(sa, payloads)
    handshake = _handshake(sa)
    sa.connection = connection
    id_r = identities.to_payload(connection.local_identity, PayloadType.IDR)
    auth = AuthPayload(AuthMethod.SHARED_KEY, _auth_data(sa, id_r, preshared_key(sa, connection)))
    sa.peer_identity = identities.describe(_identification(payloads, PayloadType.IDI)[0])
    sa.establish(now)
    notifies = select(payloads, NotifyPayload)
    if any(notify.type == NotifyType.INITIAL_CONTACT for notify in notifies):
        sa.emit(CloseOtherSessions(connection.name))
    return [id_r, auth, *_respond_child(sa, handshake, payloads, now)]


def _authenticate(sa: IkeSa, payloads: Sequence[Payload]) -> Connection:
    """The connection that the initiator proved to be."""
    id_i, id_r = (
        _identification(payloads, PayloadType.IDI)[0],
        _identification(payloads, PayloadType.IDR),
    )
    candidates = _by_identity(sa, id_i, id_r[0] if id_r else None)
    auth = select(payloads, AuthPayload)
    failure: AuthenticationFailed | None = None
    proved: list[Connection] = []
    for candidate in candidates:
        try:
            _check_auth(sa, candidate, id_i, auth[0] if auth else None)
        except AuthenticationFailed as error:
            failure = failure or error
            sa.connection = candidate
        else:
            proved.append(candidate)
    if failure is not None and not proved:
        raise failure
    return _with_wanted_child(proved, payloads)


def _with_wanted_child(proved: Sequence[Connection], payloads: Sequence[Payload]) -> Connection:
    """Of several tunnels with one peer, that which has the child SA that it asks for."""
    parts = {part.payload_type: part for part in select(payloads, TsPayload)}
    if len(proved) == 1 or len(parts) != 2:
        return proved[0]
    children = ChildIndex([child for connection in proved for child in connection.children])
    wanted_local, wanted_remote = (
        selectors.from_payload(parts[kind]) for kind in (PayloadType.TSR, PayloadType.TSI)
    )
    try:
        child = selectors.choose_child(children, wanted_local, wanted_remote).child
    except TsUnacceptable:
        return proved[0]
    return next(connection for connection in proved if child in connection.children)


def _by_identity(sa: IkeSa, id_i: IdPayload, id_r: IdPayload | None) -> list[Connection]:
    candidates = _handshake(sa).candidates
    theirs = [each for each in candidates if identities.matches(each.remote_identity, id_i)]
    if not theirs:
        raise AuthenticationFailed(
            f"the peer calls itself {identities.describe(id_i)}, and no tunnel with its address "
            "expects that: correct the remote identity here or the local one there",
            (_identity_difference("peer identity", candidates, id_i),),
        )
    ours = [
        each for each in theirs if id_r is None or identities.matches(each.local_identity, id_r)
    ]
    if not ours and id_r is not None:
        sa.connection = theirs[0]
        wanted = ", ".join(dict.fromkeys(str(each.local_identity) for each in theirs))
        raise AuthenticationFailed(
            f"the peer wants to talk to {identities.describe(id_r)}, which is not our identity: "
            "correct the local identity here or the remote one there",
            (Difference("our identity", wanted, identities.describe(id_r)),),
        )
    method = sa.keys().proposal
    fitting = [each for each in ours if method in each.proposals]
    if not fitting:
        sa.connection = ours[0]
        raise AuthenticationFailed(
            f"the peer turned out to be {ours[0].name}, whose policy does not allow "
            f"{sa.keys().algorithms}: give the tunnels between these addresses the same key "
            "exchange algorithms"
        )
    return fitting


def _identity_difference(
    item: str, connections: Sequence[Connection], theirs: IdPayload
) -> Difference:
    wanted = dict.fromkeys(str(connection.remote_identity) for connection in connections)
    return Difference(item, ", ".join(wanted), identities.describe(theirs))


def _respond_child(
    sa: IkeSa, handshake: Handshake, payloads: Sequence[Payload], now: float
) -> list[Payload]:
    parts = (*select(payloads, SaPayload), *select(payloads, TsPayload))
    if not parts:
        return []
    if len(parts) != 3:
        raise InvalidSyntax("an IKE_AUTH request with half a child SA")
    try:
        terms, answers = child_terms.answer(sa, sa.selectable, payloads, with_group=False)
    except ExchangeError as error:
        notify = notify_for(error)
        assert notify is not None
        sa.report("child SA", error)
        return [notify]
    material = KeyMaterial(handshake.nonce_i, handshake.nonce_r, None, we_initiated=False)
    child_terms.establish_as_responder(sa, terms, material, now)
    return answers


# --- both -------------------------------------------------------------------------------------


def _handshake(sa: IkeSa) -> Handshake:
    assert sa.handshake is not None
    return sa.handshake


def _identification(payloads: Sequence[Payload], payload_type: int) -> list[IdPayload]:
    ids = select(payloads, IdPayload)
    return [each for each in ids if each.payload_type == payload_type]


def preshared_key(sa: IkeSa, connection: Connection) -> Secret:
    """Raises `AuthenticationFailed` when there is none of that name."""
    name = connection.authentication.secret
    try:
        return sa.context.secrets.preshared_key(name)
    except KeyError:
        missing = AuthenticationFailed(
            f"there is no preshared key named {name!r} on this gateway: add it to the secrets"
        )
        missing.fault = Fault.LOCAL
        raise missing from None


def _auth_data(sa: IkeSa, identity: IdPayload, key: Secret) -> bytes:
    """The AUTH data of whoever has this identity payload (RFC 7296 section 2.15)."""
    handshake, keyring = _handshake(sa), sa.keys()
    prf = keyring.proposal.prf
    if identity.payload_type == PayloadType.IDI:
        message, nonce, sk_p = handshake.request, handshake.nonce_r, keyring.keys.sk_pi
    else:
        message, nonce, sk_p = handshake.response, handshake.nonce_i, keyring.keys.sk_pr
    return psk_auth(prf, key, signed_octets(prf, message, nonce, sk_p, identity.body()))


def _check_identity(connection: Connection, id_r: IdPayload) -> None:
    if id_r.payload_type != PayloadType.IDR:
        raise PeerViolation("the peer answered with an identity of the initiator")
    if not identities.matches(connection.remote_identity, id_r):
        raise AuthenticationFailed(
            f"the peer calls itself {identities.describe(id_r)} instead of "
            f"{connection.remote_identity}: correct the remote identity here or the local one "
            "there",
            (_identity_difference("peer identity", [connection], id_r),),
        )


def _check_auth(
    sa: IkeSa, connection: Connection, identity: IdPayload, auth: AuthPayload | None
) -> None:
    """Raises `AuthenticationFailed`."""
    if auth is None:
        raise AuthenticationFailed(
            "the peer wants to authenticate with EAP, this tunnel uses a preshared key: configure "
            "preshared key authentication there",
            (Difference("authentication method", "preshared key", "EAP"),),
        )
    if auth.method != AuthMethod.SHARED_KEY:
        known = AuthMethod.find(auth.method)
        theirs = known.text if known is not None else AuthMethod.describe(auth.method)
        raise AuthenticationFailed(
            f"the peer authenticates with {theirs}, this tunnel uses a preshared key: configure "
            "the same method on both sides",
            (Difference("authentication method", "preshared key", theirs),),
        )
    expected = _auth_data(sa, identity, preshared_key(sa, connection))
    if not bytes_eq(expected, auth.data):
        name = connection.authentication.secret
        raise AuthenticationFailed(
            f"the preshared key of the peer differs from the key {name!r} here: enter the same "
            "key on both sides (mind line ends and encodings)",
            (Difference("preshared key", f"the key {name!r}", "another key"),),
        )
