"""The versions of IKE behind one interface, so that the endpoint has no ``if version``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gatewright.ike.machine import Address, Context, Datagram, Session
from gatewright.ike.v1.front import judge_first_message as judge_v1
from gatewright.ike.v1.session import IkeV1Session
from gatewright.ike.v2.front import judge_first_message as judge_v2
from gatewright.ike.v2.session import IkeSession
from gatewright.ike.verdicts import Verdict
from gatewright.policy.compiled import Connection, IkeVersion


class Dialect(Protocol):
    """How one version begins; after that a session speaks for itself."""

    def judge(
        self,
        datagram: Datagram,
        connections: Sequence[Connection],
        cookie_secrets: Sequence[bytes],
        *,
        under_pressure: bool,
    ) -> Verdict:
        """The verdict on a first message; ``connections`` are those between these addresses."""
        ...

    def initiate(
        self, connection: Connection, context: Context, local: Address, remote: Address, now: float
    ) -> Session: ...

    def respond(
        self, candidates: Sequence[Connection], context: Context, datagram: Datagram, now: float
    ) -> Session:
        """A session for the first message, which it is not given yet."""
        ...


class V1Dialect:
    """IKEv1 main mode."""

    def judge(
        self,
        datagram: Datagram,
        connections: Sequence[Connection],
        cookie_secrets: Sequence[bytes],
        *,
        under_pressure: bool,
    ) -> Verdict:
        del cookie_secrets, under_pressure  # RFC 2409 has no stateless cookie exchange
        return judge_v1(datagram, connections)

    def initiate(
        self, connection: Connection, context: Context, local: Address, remote: Address, now: float
    ) -> Session:
        return IkeV1Session.initiator(connection, context, local, remote, now)

    def respond(
        self, candidates: Sequence[Connection], context: Context, datagram: Datagram, now: float
    ) -> Session:
        return IkeV1Session.responder(candidates, context, datagram, now)


class V2Dialect:
    """IKEv2."""

    def judge(
        self,
        datagram: Datagram,
        connections: Sequence[Connection],
        cookie_secrets: Sequence[bytes],
        *,
        under_pressure: bool,
    ) -> Verdict:
        return judge_v2(datagram, connections, cookie_secrets, under_pressure=under_pressure)

    def initiate(
        self, connection: Connection, context: Context, local: Address, remote: Address, now: float
    ) -> Session:
        return IkeSession.initiator(connection, context, local, remote, now)

    def respond(
        self, candidates: Sequence[Connection], context: Context, datagram: Datagram, now: float
    ) -> Session:
        return IkeSession.responder(candidates, context, datagram, now)


DIALECTS: Mapping[IkeVersion, Dialect] = {IkeVersion.V1: V1Dialect(), IkeVersion.V2: V2Dialect()}
