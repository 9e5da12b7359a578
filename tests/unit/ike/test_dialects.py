"""Each version of IKE begins with a message of its own and a session of its own."""

from __future__ import annotations

import pytest

from gatewright.ike.dialects import DIALECTS
from gatewright.ike.machine import Datagram, Session
from gatewright.ike.outputs import Transmit
from gatewright.ike.v1.session import IkeV1Session
from gatewright.ike.v2.session import IkeSession
from gatewright.ike.verdicts import Accept, Reply
from gatewright.policy.compiled import Connection, IkeVersion
from gatewright.wire.isakmp import NO_SPI, Header
from tests.support.gateways import connection, mirrored
from tests.support.gateways_v1 import tunnel
from tests.unit.ike.v1.builders import LOCAL, REMOTE, context

CONNECTIONS = {IkeVersion.V1: tunnel(), IkeVersion.V2: connection()}
VERSIONS = pytest.mark.parametrize("version", list(IkeVersion))
SECRETS = [b"cookie secret"]


def first_message(version: IkeVersion, made: Connection) -> tuple[Session, Datagram]:
    """A session that began, and its first message as it arrives at the peer."""
    session = DIALECTS[version].initiate(made, context(1), LOCAL, REMOTE, 0.0)
    session.create_child(made.children[0], 0.0)
    session.start(0.0)
    (sent,) = [each for each in session.take_outputs() if isinstance(each, Transmit)]
    assert (sent.datagram.local, sent.datagram.remote) == (LOCAL, REMOTE)
    return session, Datagram(REMOTE, LOCAL, sent.datagram.payload)


@VERSIONS
def test_an_initiator_begins_in_its_version(version: IkeVersion) -> None:
    session, datagram = first_message(version, CONNECTIONS[version])
    header = Header.parse(datagram.payload)
    assert isinstance(session, IkeV1Session if version is IkeVersion.V1 else IkeSession)
    assert session.is_initiator
    assert header.major == int(version)
    assert (header.spi_i, header.spi_r) == (session.spi_i, NO_SPI)


@VERSIONS
def test_a_responder_answers_what_its_front_accepted(version: IkeVersion) -> None:
    peers = mirrored(CONNECTIONS[version])
    initiator, datagram = first_message(version, CONNECTIONS[version])
    dialect = DIALECTS[version]
    verdict = dialect.judge(datagram, [peers], SECRETS, under_pressure=False)
    assert isinstance(verdict, Accept)
    session = dialect.respond(verdict.candidates, context(2), datagram, 0.0)
    assert (session.spi_i, session.is_initiator) == (initiator.spi_i, False)
    assert session.take_outputs() == []  # it has not been given the message yet
    session.receive(datagram, 0.0)
    (sent,) = [each for each in session.take_outputs() if isinstance(each, Transmit)]
    assert (sent.datagram.local, sent.datagram.remote) == (REMOTE, LOCAL)
    assert Header.parse(sent.datagram.payload).spi_r == session.spi_r != NO_SPI


def test_under_pressure_version_2_wants_a_cookie_and_version_1_has_none() -> None:
    """RFC 7296 section 2.6; RFC 2409 has no stateless exchange."""
    verdicts = {}
    for version, made in CONNECTIONS.items():
        _, datagram = first_message(version, made)
        verdicts[version] = DIALECTS[version].judge(
            datagram, [mirrored(made)], SECRETS, under_pressure=True
        )
    assert isinstance(verdicts[IkeVersion.V1], Accept)
    demanded = verdicts[IkeVersion.V2]
    assert isinstance(demanded, Reply)
    assert demanded.reason == "cookie_demanded"
