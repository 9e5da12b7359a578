from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from gatewright.dataplane.kernel import sad
from gatewright.dataplane.kernel.identity import reqid_of
from gatewright.dataplane.kernel.layout import (
    NO_SELECTOR,
    SA_SIZE,
    SELECTOR_SIZE,
    Attribute,
    Flag,
    Kind,
    Replay,
    unpack_replay,
    unpack_sa,
)
from gatewright.iana.algorithms import CIPHER_BY_NAME
from gatewright.ipsec.association import ChildSa, Encapsulation
from gatewright.netlink.messages import Message, attributes
from tests.support.policies import selector
from tests.support.scapy_esp import child_sa

GCM = (CIPHER_BY_NAME["aes-128-gcm"], None)
MARK = 0x4757


def pair(**changes: Any) -> ChildSa:
    ends = {"local": (selector("10.1.0.0/24"),), "remote": (selector("10.2.0.0/24"),)}
    return replace(child_sa(GCM), **(ends | changes))


def limits(message: Message) -> list[int]:
    """Soft and hard octets, soft and hard packets."""
    data = message.payload[SELECTOR_SIZE + 24 + 16 :]
    return [int.from_bytes(data[8 * n : 8 * n + 8], "little") for n in range(4)]


def flags(message: Message) -> int:
    return message.payload[216]


def rest(message: Message) -> dict[int, bytes]:
    return dict(attributes(message.payload[SA_SIZE:]))


def test_each_half_goes_its_way_with_its_own_keys() -> None:
    sa = pair()
    inward = sad.add_inbound(sa, tell_first=False)
    outward = sad.add_outbound(sa, MARK)
    seen_in, seen_out = unpack_sa(inward.payload), unpack_sa(outward.payload)
    assert seen_in is not None
    assert seen_out is not None
    assert (seen_in.source, seen_in.destination) == (sa.transport.remote, sa.transport.local)
    assert (seen_out.source, seen_out.destination) == (sa.transport.local, sa.transport.remote)
    assert (seen_in.spi, seen_out.spi) == (sa.spi_in, sa.spi_out)
    assert seen_in.reqid == seen_out.reqid == reqid_of(1)
    assert rest(inward)[Attribute.AEAD].endswith(sa.keys_in.encryption.reveal())
    assert rest(outward)[Attribute.AEAD].endswith(sa.keys_out.encryption.reveal())


def test_only_esp_that_leaves_is_marked() -> None:
    assert rest(sad.add_outbound(pair(), MARK))[Attribute.OUTPUT_MARK][:2] == b"\x57\x47"
    assert Attribute.OUTPUT_MARK not in rest(sad.add_inbound(pair(), tell_first=False))


def test_selectors_are_those_negotiated_each_way() -> None:
    inward = unpack_sa(sad.add_inbound(pair(), tell_first=False).payload)
    outward = unpack_sa(sad.add_outbound(pair(), MARK).payload)
    assert inward is not None
    assert inward.selector is not None
    assert outward is not None
    assert outward.selector is not None
    assert str(inward.selector.source) == str(outward.selector.destination) == "10.2.0.0/24"


def test_an_sa_for_both_ip_versions_has_no_selector_and_says_so() -> None:
    both = (selector("10.0.0.0/8"), selector("2001:db8::/32"))
    message = sad.add_inbound(replace(pair(), local=both, remote=both), tell_first=False)
    assert message.payload[:SELECTOR_SIZE] == NO_SELECTOR
    assert flags(message) & Flag.ANY_FAMILY
    assert not flags(sad.add_inbound(pair(), tell_first=False)) & Flag.ANY_FAMILY


@pytest.mark.parametrize("esn", [False, True])
def test_the_window_has_the_size_that_was_asked_for(esn: bool) -> None:
    message = sad.add_inbound(pair(esn=esn, replay_window=1000), tell_first=False)
    state = unpack_replay(rest(message)[Attribute.REPLAY_EXTENDED], None)
    assert (state.window, len(state.bitmap)) == (1000, 128)
    assert bool(flags(message) & Flag.EXTENDED_SEQUENCE) is esn


def test_without_esn_new_keys_are_asked_for_before_the_numbers_end() -> None:
    none = 2**64 - 1
    assert limits(sad.add_outbound(pair(), MARK)) == [none, none, sad.REKEY_SEQUENCE, 2**32 - 1]
    assert limits(sad.add_outbound(pair(esn=True), MARK)) == [none] * 4


def test_octet_limits_are_on_both_halves_and_the_first_packet_on_the_inbound_one() -> None:
    sa = pair(byte_soft_limit=900, byte_limit=1000, esn=True)
    none = 2**64 - 1
    assert limits(sad.add_outbound(sa, MARK)) == [900, 1000, none, none]
    assert limits(sad.add_inbound(sa, tell_first=True)) == [900, 1000, 1, none]
    assert limits(sad.told_first(sa)) == [900, 1000, none, none]
    assert sad.told_first(sa).kind == Kind.UPDATE_SA


def test_udp_has_the_peer_s_port_and_ours() -> None:
    sa = child_sa(GCM, encapsulation=Encapsulation.UDP)
    sa = sad.moved(sa, ip_address("203.0.113.9"), 8000)
    inward = rest(sad.add_inbound(sa, tell_first=False))[Attribute.ENCAPSULATION]
    outward = rest(sad.add_outbound(sa, MARK))[Attribute.ENCAPSULATION]
    assert inward[:6] == bytes.fromhex("0200 1f40 1194")
    assert outward[:6] == bytes.fromhex("0200 1194 1f40")
    assert Attribute.ENCAPSULATION not in rest(sad.add_outbound(pair(), MARK))


def test_an_sa_goes_on_where_another_ended() -> None:
    message = sad.add_outbound(pair(), MARK, replay=Replay(sent=77))
    assert unpack_replay(rest(message)[Attribute.REPLAY_EXTENDED], None).sent == 77


def test_halves_are_named_by_destination_and_spi() -> None:
    sa = pair()
    assert sad.inbound_half(sa) == sad.Half(sa.transport.local, sa.spi_in)
    assert sad.outbound_half(sa).delete().payload[16:20] == sa.spi_out.to_bytes(4)
