"""Structures against octets that a kernel gave (policies, by a dump after ``ip xfrm policy add``)
and against their own reverse."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.dataplane.kernel import layout
from gatewright.dataplane.kernel.layout import (
    KernelSelector,
    Limits,
    Masked,
    PolicyHead,
    Replay,
    SaHead,
    Template,
    Verdict,
    Way,
)

networks = st.tuples(st.ip_addresses(v=4), st.integers(0, 32)).map(
    lambda pair: ip_network(pair, strict=False)
)
masked = st.builds(Masked, st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
selectors = st.builds(KernelSelector, networks, networks, st.integers(0, 255), masked, masked)


def test_sizes_are_those_of_the_kernels_structures() -> None:
    assert layout.SELECTOR_SIZE == 56
    assert layout.SA_SIZE == 224
    assert layout.POLICY_SIZE == 168
    assert layout.POLICY_ID_SIZE == 64
    assert layout.ACQUIRE_SIZE == 280
    assert layout.MAPPING_SIZE == 64
    assert len(Template(ip_address("10.0.0.1"), ip_address("10.0.0.2"), 1).pack()) == 64
    assert len(layout.pack_encapsulation(4500, 4500)) == 24
    assert len(layout.pack_sa_id(ip_address("::1"), 1)) == 24


@given(selectors)
def test_selectors_are_read_back(one: KernelSelector) -> None:
    assert KernelSelector.unpack(one.pack()) == one


def test_ports_and_addresses_are_in_network_order() -> None:
    one = KernelSelector(
        ip_network("10.1.0.0/16"), ip_network("10.2.0.1/32"), 6, Masked(), Masked(0x50, 0xFFFF)
    )
    data = one.pack()
    assert data[:4] == bytes([10, 2, 0, 1])
    assert data[16:20] == bytes([10, 1, 0, 0])
    assert data[32:36] == bytes.fromhex("0050ffff")
    assert data[42:45] == bytes([32, 16, 6])


@pytest.mark.parametrize("way", list(Way))
def test_policies_are_read_back(way: Way) -> None:
    selector = KernelSelector(ip_network("2001:db8::/48"), ip_network("::/0"), 58)
    head = PolicyHead(selector, way, Verdict.BLOCK, 18327, 0x47570008 | way)
    assert layout.unpack_policy(head.pack()) == head


def test_a_socket_s_own_policy_is_none_of_ours() -> None:
    head = PolicyHead(
        KernelSelector(ip_network("::/0"), ip_network("::/0")), Way.OUT, Verdict.ALLOW, 0
    )
    data = bytearray(head.pack())
    data[160] = 3 + Way.OUT
    assert layout.unpack_policy(bytes(data)) is None


def test_templates_are_read_back() -> None:
    one = Template(ip_address("203.0.113.1"), ip_address("203.0.113.2"), 2**31 | 7)
    assert layout.unpack_template(one.pack()) == one
    assert layout.unpack_template(one.pack()[:-1]) is None


def test_an_sa_has_its_ends_where_the_kernel_looks_for_them() -> None:
    head = SaHead(
        ip_address("203.0.113.1"),
        ip_address("203.0.113.2"),
        0x1001,
        2**31 | 7,
        limits=Limits(soft_octets=5),
    )
    seen = layout.unpack_sa(head.pack())
    assert seen is not None
    assert (str(seen.source), str(seen.destination)) == ("203.0.113.1", "203.0.113.2")
    assert (seen.spi, seen.protocol, seen.reqid) == (0x1001, 50, 2**31 | 7)
    assert head.pack()[96:104] == (5).to_bytes(8, "little")
    assert head.pack()[104:112] == b"\xff" * 8


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(1, 64))
def test_sequence_numbers_and_window_are_read_back(sent: int, received: int, words: int) -> None:
    one = Replay(sent, received, words * 32, bytes(range(words)) * 4)
    assert layout.unpack_replay(one.pack(), None) == one


def test_the_plain_form_of_the_window_has_32_packets() -> None:
    plain = (5).to_bytes(4, "little") + (9).to_bytes(4, "little") + (3).to_bytes(4, "little")
    assert layout.unpack_replay(None, plain) == Replay(5, 9, 32, b"\3\0\0\0")
    assert layout.unpack_replay(None, None) == Replay()
    assert layout.unpack_replay(b"short", b"short") == Replay()


@given(st.binary(max_size=400))
def test_hostile_octets_give_nothing_or_something_but_no_error(data: bytes) -> None:
    layout.unpack_sa(data)
    layout.unpack_policy(data)
    layout.unpack_template(data)
    layout.unpack_acquire(data)
    layout.unpack_mapping(data)
    layout.unpack_replay(data, data)


def test_a_mapping_names_sa_address_and_port() -> None:
    data = layout.pack_sa_id(ip_address("203.0.113.1"), 0x1001) + bytes(4)
    data += layout.pack_address(ip_address("203.0.113.2"))
    data += layout.pack_address(ip_address("203.0.113.9")) + bytes.fromhex("11941f40")
    seen = layout.unpack_mapping(data)
    assert seen == layout.MappingSeen(0x1001, ip_address("203.0.113.9"), 8000)
