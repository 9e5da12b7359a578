from dataclasses import replace
from hashlib import sha256
from ipaddress import ip_address

import pytest

from gatewright.ike.machine import Address
from gatewright.ike.v1.errors import NoProposalChosen
from gatewright.ike.v1.path import NAT_DIALECTS, Nat, Path
from gatewright.ike.v1.peer import Peer
from gatewright.ike.v1.tasks import natd
from gatewright.policy.compiled import NatTraversal
from gatewright.wire.v1.message import Chain, emit_chain, parse_chain
from gatewright.wire.v1.payload import Payload
from gatewright.wire.v1.payloads.ke import KeyExchangePayload
from tests.support.gateways_v1 import IKE_V1, tunnel
from tests.unit.ike.v1.builders import COOKIE_I, COOKIE_R, LOCAL, REMOTE, core

PRF = IKE_V1.prf
RFC, DRAFT = NAT_DIALECTS[0], NAT_DIALECTS[1]
A, B = Path(LOCAL, REMOTE, RFC), Path(REMOTE, LOCAL, RFC)


def message(payloads: tuple[Payload, ...]) -> Chain:
    all_of_it = (KeyExchangePayload(b"public"), *payloads)
    return parse_chain(4, emit_chain(all_of_it))


def test_the_hashes_of_rfc_3947_section_3_2() -> None:
    theirs, ours = natd.payloads(core(), A, PRF)
    text = COOKIE_I + COOKIE_R + bytes([203, 0, 113, 2]) + (500).to_bytes(2, "big")
    assert theirs.data == sha256(text).digest()
    assert ours.data != theirs.data
    assert {ours.number, theirs.number} == {20}
    draft = natd.payloads(core(), replace(A, dialect=DRAFT), PRF)
    assert {each.number for each in draft} == {130}
    assert natd.payloads(core(), replace(A, dialect=None), PRF) == ()


@pytest.mark.parametrize(
    ("seen_source", "seen_destination", "nat"),
    [
        (LOCAL, REMOTE, Nat.NONE),
        (Address(ip_address("198.51.100.9"), 4501), REMOTE, Nat.REMOTE),
        (Address(LOCAL.ip, 501), REMOTE, Nat.REMOTE),
        (LOCAL, Address(ip_address("10.0.0.1"), 500), Nat.LOCAL),
        (Address(LOCAL.ip, 9), Address(ip_address("10.0.0.1"), 500), Nat.BOTH),
    ],
)
def test_a_hash_that_does_not_fit_is_a_nat(
    seen_source: Address, seen_destination: Address, nat: Nat
) -> None:
    """A sends; B sees other addresses than A wrote."""
    arrived = Path(seen_destination, seen_source, RFC)
    received = message(natd.payloads(core(), A, PRF))
    found = natd.detect(core(is_initiator=False), arrived, received, PRF)
    assert found.nat is nat
    assert found.udp is (nat is not Nat.NONE)


def test_a_peer_that_sends_no_hashes_takes_no_part() -> None:
    found = natd.detect(core(is_initiator=False), B, message(()), PRF)
    assert (found.dialect, found.nat, found.udp) == (None, Nat.NONE, False)


def test_forced_it_looks_like_a_nat_to_the_peer() -> None:
    forced = core(tunnel(nat_traversal=NatTraversal.FORCE))
    received = message(natd.payloads(forced, A, PRF))
    assert natd.detect(core(is_initiator=False), B, received, PRF).nat is Nat.REMOTE
    answer = message(natd.payloads(core(is_initiator=False), B, PRF))
    own = natd.detect(forced, A, answer, PRF)
    assert (own.nat, own.udp) == (Nat.NONE, True)


def test_the_dialect_is_the_peer_s_best() -> None:
    assert natd.choose_dialect(core(peer=Peer(nat_dialect=DRAFT))).dialect is DRAFT
    off = core(tunnel(nat_traversal=NatTraversal.OFF), peer=Peer(nat_dialect=DRAFT))
    assert natd.choose_dialect(off).dialect is None
    with pytest.raises(NoProposalChosen, match="does not support NAT traversal"):
        natd.choose_dialect(core(tunnel(nat_traversal=NatTraversal.FORCE), peer=Peer()))


@pytest.mark.parametrize(
    ("path", "ports"),
    [
        (A, (500, 500)),
        (replace(A, udp=True), (4500, 4500)),
        (replace(A, udp=True, remote=Address(REMOTE.ip, 1024)), (4500, 1024)),
        (Path(Address(LOCAL.ip, 4500), Address(REMOTE.ip, 31000), RFC, udp=True), (4500, 31000)),
    ],
)
def test_where_the_initiator_goes_on(path: Path, ports: tuple[int, int]) -> None:
    moved = natd.floated(path)
    assert (moved.local.port, moved.remote.port) == ports
