from dataclasses import replace

from gatewright.ike.machine import Address
from gatewright.ike.outputs import SendNatKeepalive
from gatewright.ike.v1.path import Nat
from gatewright.ike.v1.tasks.keepalive import Keepalive
from tests.unit.ike.v1.builders import LOCAL, NOW, REMOTE, core


def test_only_behind_a_nat() -> None:
    sa = core()
    keepalive = Keepalive(sa, NOW)
    assert keepalive.next_timeout() is None
    keepalive.handle_timeout(NOW + 100)
    assert not sa.take_outputs()


def test_every_20_seconds_from_port_4500() -> None:
    sa = core()
    sa.path = replace(sa.path, local=Address(LOCAL.ip, 4500), nat=Nat.LOCAL, udp=True)
    keepalive = Keepalive(sa, NOW)
    assert keepalive.next_timeout() == NOW + 20
    keepalive.handle_timeout(NOW + 19)
    assert not sa.take_outputs()
    keepalive.handle_timeout(NOW + 20)
    (sent,) = sa.take_outputs()
    assert isinstance(sent, SendNatKeepalive)
    assert (sent.datagram.local.port, sent.datagram.remote) == (4500, REMOTE)
    assert keepalive.next_timeout() == NOW + 40
