from __future__ import annotations

import errno
from dataclasses import replace
from ipaddress import ip_address

import pytest

from gatewright.dataplane.interface import DataPlaneError
from gatewright.dataplane.kernel import sad
from gatewright.dataplane.kernel.associations import Associations
from gatewright.dataplane.kernel.identity import reqid_of
from gatewright.dataplane.kernel.layout import (
    SA_SIZE,
    Attribute,
    Kind,
    Replay,
    SaHead,
    Template,
    unpack_replay,
)
from gatewright.iana.algorithms import CIPHER_BY_NAME
from gatewright.ipsec.association import ChildSa, Encapsulation
from gatewright.netlink.messages import attribute, attributes
from tests.support.scapy_esp import child_sa
from tests.unit.dataplane.kernel.doubles import FakeKernel

GCM = (CIPHER_BY_NAME["aes-128-gcm"], None)
ELSEWHERE = ip_address("203.0.113.77")


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


@pytest.fixture
def pairs(kernel: FakeKernel) -> Associations:
    return Associations(kernel, 0x4757)


def standing(kernel: FakeKernel, half: sad.Half) -> bool:
    return half.get().payload in kernel.sas


def counted(kernel: FakeKernel, half: sad.Half, replay: Replay) -> None:
    """Let the kernel have sent and received on it."""
    key = half.get().payload
    kernel.sas[key] = kernel.sas[key][:SA_SIZE] + attribute(
        Attribute.REPLAY_EXTENDED, replay.pack()
    )


def replay_of(kernel: FakeKernel, half: sad.Half) -> Replay:
    found = attributes(kernel.sas[half.get().payload][SA_SIZE:])
    return unpack_replay(found[Attribute.REPLAY_EXTENDED], None)


def test_the_inbound_half_comes_first_and_both_go(kernel: FakeKernel, pairs: Associations) -> None:
    sa = child_sa(GCM)
    pairs.add(sa)
    assert standing(kernel, sad.inbound_half(sa))
    assert standing(kernel, sad.outbound_half(sa))
    assert kernel.log[0].payload == sad.add_inbound(sa, tell_first=False).payload
    pairs.remove(sa.spi_in)
    assert not kernel.sas
    pairs.remove(sa.spi_in)


def test_on_standby_there_is_no_outbound_half_until_it_is_wanted(
    kernel: FakeKernel, pairs: Associations
) -> None:
    sa = replace(child_sa(GCM), outbound_standby=True)
    pairs.add(sa)
    assert not standing(kernel, sad.outbound_half(sa))
    assert pairs.activate(sa.spi_in)
    assert standing(kernel, sad.outbound_half(sa))
    assert kernel.kinds() == [Kind.NEW_SA, Kind.NEW_SA, Kind.UPDATE_SA]
    assert not pairs.activate(sa.spi_in)
    assert not pairs.activate(99)


def test_either_half_names_the_pair(pairs: Associations) -> None:
    sa = child_sa(GCM)
    pairs.add(sa)
    assert pairs.spi_in_of(sa.transport.local, sa.spi_in) == sa.spi_in
    assert pairs.spi_in_of(sa.transport.remote, sa.spi_out) == sa.spi_in
    assert pairs.spi_in_of(sa.transport.remote, sa.spi_in) is None


def test_a_second_sa_of_the_same_spi_is_refused(pairs: Associations) -> None:
    sa = child_sa(GCM)
    pairs.add(sa)
    with pytest.raises(DataPlaneError, match="0x10000000 exists already"):
        pairs.add(sa)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EPROTONOSUPPORT, "no ESP with aes-128-gcm"),
        (errno.ENOSYS, "engine: user-space"),
        (errno.EEXIST, "these SPIs already"),
        (errno.EINVAL, "refuses an SA with aes-128-gcm"),
    ],
)
def test_a_refusal_says_why_and_shows_no_key(
    kernel: FakeKernel, pairs: Associations, number: int, words: str
) -> None:
    kernel.refuse[Kind.NEW_SA] = number
    sa: ChildSa = child_sa(GCM)
    with pytest.raises(DataPlaneError, match=words) as refusal:
        pairs.add(sa)
    assert sa.keys_in.encryption.reveal().hex() not in str(refusal.value)
    assert list(pairs) == []


def test_when_the_outbound_half_is_refused_the_inbound_one_goes(
    kernel: FakeKernel, pairs: Associations
) -> None:
    sa, other = child_sa(GCM), child_sa(GCM, number=1)
    pairs.add(other)
    with pytest.raises(DataPlaneError):
        pairs.add(replace(sa, spi_out=other.spi_out))
    assert not standing(kernel, sad.inbound_half(sa))
    assert pairs.get(sa.spi_in) is None


def test_a_peer_that_moved_goes_on_counting(kernel: FakeKernel, pairs: Associations) -> None:
    sa = replace(child_sa(GCM, encapsulation=Encapsulation.UDP), replay_window=64)
    pairs.add(sa)
    counted(kernel, sad.inbound_half(sa), Replay(0, 77, 64, b"\xff" * 8))
    counted(kernel, sad.outbound_half(sa), Replay(55, 0, 64))
    moved = pairs.move(sa.spi_in, ELSEWHERE, 8000)
    assert moved is not None
    assert len(kernel.sas) == 2
    inward = replay_of(kernel, sad.inbound_half(moved))
    assert (inward.received, inward.bitmap) == (77, b"\xff" * 8)
    assert replay_of(kernel, sad.outbound_half(moved)).sent > 55
    assert pairs.spi_in_of(ELSEWHERE, sa.spi_out) == sa.spi_in
    assert pairs.spi_in_of(sa.transport.remote, sa.spi_out) is None
    assert pairs.move(99, ELSEWHERE, 8000) is None


def test_one_on_standby_moves_without_an_outbound_half(
    kernel: FakeKernel, pairs: Associations
) -> None:
    sa = replace(child_sa(GCM), outbound_standby=True)
    pairs.add(sa)
    pairs.move(sa.spi_in, ELSEWHERE, 0)
    assert len(kernel.sas) == 1
    pairs.activate(sa.spi_in)
    assert standing(kernel, sad.Half(ELSEWHERE, sa.spi_out))


def test_what_the_kernel_deleted_by_itself_is_no_error(
    kernel: FakeKernel, pairs: Associations
) -> None:
    sa = child_sa(GCM)
    pairs.add(sa)
    kernel.sas.clear()
    pairs.move(sa.spi_in, ELSEWHERE, 0)
    kernel.sas.clear()
    pairs.remove(sa.spi_in)


def test_clearing_takes_ours_of_an_earlier_process_and_no_others(
    kernel: FakeKernel, pairs: Associations
) -> None:
    Associations(kernel, 0x4757).add(child_sa(GCM))
    ends = ip_address("203.0.113.1"), ip_address("203.0.113.2")
    foreign = SaHead(*ends, 0x77, reqid=5)
    key = sad.Half(ends[1], 0x77).get().payload
    kernel.sas[key] = foreign.pack()
    kernel.larval.append(SaHead(*ends, 0, reqid_of(7), sequence=3).pack())
    pairs.clear()
    assert list(kernel.sas) == [key]
    assert not kernel.larval


def test_giving_up_deletes_what_stands_for_an_sa(kernel: FakeKernel, pairs: Associations) -> None:
    template = Template(ip_address("203.0.113.1"), ip_address("203.0.113.2"), reqid_of(7))
    kernel.larval.append(
        SaHead(template.source, template.destination, 0, template.reqid, sequence=3).pack()
    )
    pairs.give_up(template, 3)
    assert not kernel.larval
    assert not kernel.sas
    pairs.give_up(template, 3)  # it expired meanwhile
