from __future__ import annotations

from typing import cast

from gatewright.dataplane.kernel import sad
from gatewright.dataplane.kernel.associations import Associations
from gatewright.dataplane.kernel.layout import SELECTOR_SIZE, Attribute
from gatewright.dataplane.kernel.netlink import NetlinkSocket
from gatewright.dataplane.kernel.traffic import Traffic
from gatewright.iana.algorithms import CIPHER_BY_NAME
from gatewright.ipsec.association import ChildSa
from gatewright.netlink.messages import attribute
from tests.support.scapy_esp import child_sa
from tests.unit.dataplane.kernel.doubles import FakeKernel

GCM = (CIPHER_BY_NAME["aes-128-gcm"], None)
CURRENT = SELECTOR_SIZE + 24 + 16 + 64


def carried(
    kernel: FakeKernel, half: sad.Half, octets: int, packets: int, more: bytes = b""
) -> None:
    key = half.get().payload
    data = kernel.sas[key]
    current = octets.to_bytes(8, "little") + packets.to_bytes(8, "little")
    kernel.sas[key] = data[:CURRENT] + current + data[CURRENT + 16 :] + more


def rig() -> tuple[FakeKernel, Associations, ChildSa]:
    kernel = FakeKernel()
    pairs = Associations(cast(NetlinkSocket, kernel), 0x4757)
    sa = child_sa(GCM)
    pairs.add(sa)
    return kernel, pairs, sa


def test_both_halves_are_counted() -> None:
    kernel, pairs, sa = rig()
    carried(kernel, sad.inbound_half(sa), 100, 1)
    carried(kernel, sad.outbound_half(sa), 300, 3)
    (one,) = Traffic().read(pairs, 1000.0, 5.0)
    assert (one.packets_in, one.bytes_in, one.packets_out, one.bytes_out) == (1, 100, 3, 300)
    assert one.outbound_active


def test_the_kernel_says_when_it_was_last_used() -> None:
    kernel, pairs, sa = rig()
    used = attribute(Attribute.LAST_USED, (990).to_bytes(8, "little"))
    carried(kernel, sad.inbound_half(sa), 100, 1, used)
    (one,) = Traffic().read(pairs, 1000.0, 5.0)
    assert (one.last_in, one.last_out) == (10.0, None)


def test_where_it_does_not_it_is_when_more_packets_were_seen() -> None:
    kernel, pairs, sa = rig()
    traffic = Traffic()
    carried(kernel, sad.inbound_half(sa), 100, 1)
    assert traffic.read(pairs, 0.0, 5.0)[0].last_in == 0.0
    assert traffic.read(pairs, 0.0, 8.0)[0].last_in == 3.0
    carried(kernel, sad.inbound_half(sa), 200, 2)
    assert traffic.read(pairs, 0.0, 9.0)[0].last_in == 0.0
    traffic.forget(sa.spi_in)
    assert traffic.read(pairs, 0.0, 20.0)[0].last_in == 0.0


def test_a_half_that_the_kernel_took_out_counts_nothing() -> None:
    kernel, pairs, _ = rig()
    kernel.sas.clear()
    (one,) = Traffic().read(pairs, 0.0, 0.0)
    assert (one.packets_in, one.outbound_active, one.last_in) == (0, False, None)
