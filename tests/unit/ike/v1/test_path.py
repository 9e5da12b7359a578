import pytest

from gatewright.iana import vendor_ids
from gatewright.iana.ikev1 import EncapsulationMode
from gatewright.ike.machine import Address
from gatewright.ike.v1.path import NAT_DIALECTS, Nat, Path
from gatewright.ipsec.association import Encapsulation
from tests.unit.ike.v1.builders import LOCAL, REMOTE


@pytest.mark.parametrize(
    ("local", "remote", "nat"),
    [
        (False, False, Nat.NONE),
        (True, False, Nat.LOCAL),
        (False, True, Nat.REMOTE),
        (True, True, Nat.BOTH),
    ],
)
def test_whose_address_is_changed(local: bool, remote: bool, nat: Nat) -> None:
    found = Nat.of(local=local, remote=remote)
    assert found is nat
    assert found.hides_us is local
    assert Path(LOCAL, REMOTE, nat=found).follows_peer is (remote and not local)


def test_the_rfc_is_the_best_dialect() -> None:
    assert NAT_DIALECTS[0].vendor_id is vendor_ids.RFC_3947
    assert {each.mode for each in NAT_DIALECTS[1:]} == {EncapsulationMode.UDP_TUNNEL_DRAFT}


def test_the_mode_follows_the_dialect_when_there_is_a_nat() -> None:
    plain = Path(LOCAL, REMOTE, NAT_DIALECTS[1])
    assert plain.mode is EncapsulationMode.TUNNEL
    assert Path(LOCAL, REMOTE, NAT_DIALECTS[1], Nat.LOCAL, udp=True).mode == 61443
    assert Path(LOCAL, REMOTE, NAT_DIALECTS[0], Nat.LOCAL, udp=True).mode == 3


def test_the_transport_of_a_tunnel() -> None:
    assert Path(LOCAL, REMOTE).transport().encapsulation is Encapsulation.PROTOCOL_50
    floated = Path(Address(LOCAL.ip, 4500), Address(REMOTE.ip, 31000), udp=True)
    transport = floated.transport()
    assert (transport.encapsulation, transport.local_port, transport.remote_port) == (
        Encapsulation.UDP,
        4500,
        31000,
    )
    assert floated.floated
    assert not Path(LOCAL, REMOTE).floated
