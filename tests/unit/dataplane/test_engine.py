"""The engine behind the ``DataPlane`` interface: values in, refusals and counters out."""

from __future__ import annotations

import select
import traceback
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from gatewright import _engine
from gatewright.dataplane.engine import EngineDataPlane, counter_meanings
from gatewright.dataplane.interface import DataPlane, DataPlaneError
from gatewright.iana.algorithms import CIPHER_BY_NAME, Cipher, Integrity
from gatewright.ipsec.association import ChildSa, Encapsulation, SaKeys
from gatewright.ipsec.secret import Secret
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Action, SpdEntry
from tests.support.scapy_esp import EVERY_ALGORITHM, algorithm_name, child_sa

AES_GCM = (CIPHER_BY_NAME["aes-128-gcm"], None)


@pytest.fixture
def engine() -> EngineDataPlane:
    return EngineDataPlane("gwunit0")


def _entry(action: Action) -> SpdEntry:
    nets = [ip_network("192.0.2.0/24"), ip_network("2001:db8::/64")]
    selectors = tuple(TrafficSelector.from_network(each) for each in nets)
    return SpdEntry(1, "entry", action, selectors, selectors)


def test_it_is_a_data_plane(engine: EngineDataPlane) -> None:
    plane: DataPlane = engine
    assert plane.state().kind == "engine"
    assert plane.state().interface == "gwunit0"


@pytest.mark.parametrize("action", list(Action))
def test_takes_every_action(engine: EngineDataPlane, action: Action) -> None:
    engine.replace_policies([_entry(action)])


@pytest.mark.parametrize("encapsulation", list(Encapsulation))
@pytest.mark.parametrize("algorithm", EVERY_ALGORITHM, ids=algorithm_name)
def test_an_sa_comes_is_seen_and_goes(
    engine: EngineDataPlane,
    algorithm: tuple[Cipher, Integrity | None],
    encapsulation: Encapsulation,
) -> None:
    sa = child_sa(algorithm, encapsulation=encapsulation)
    engine.add_sa(replace(sa, outbound_standby=True))
    (counters,) = engine.sa_counters()
    assert (counters.spi_in, counters.outbound_active, counters.last_in) == (sa.spi_in, False, None)
    engine.activate_sa(sa.spi_in)
    (counters,) = engine.sa_counters()
    assert counters.outbound_active
    engine.move_sa(sa.spi_in, ip_address("203.0.113.77"), 4501)
    engine.remove_sa(sa.spi_in)
    assert engine.sa_counters() == []
    engine.remove_sa(sa.spi_in)
    engine.activate_sa(sa.spi_in)
    engine.move_sa(sa.spi_in, ip_address("203.0.113.77"), 4501)


def test_refuses_a_second_sa_of_the_same_spi(engine: EngineDataPlane) -> None:
    sa = child_sa(AES_GCM)
    engine.add_sa(sa)
    with pytest.raises(DataPlaneError, match="0x10000000 exists already"):
        engine.add_sa(sa)


def test_refuses_keys_of_the_wrong_length_without_showing_them(engine: EngineDataPlane) -> None:
    sa = child_sa(AES_GCM)
    wrong = SaKeys(Secret(b"secret octets"), Secret(b""))
    with pytest.raises(DataPlaneError, match="13 octets, the cipher takes 20") as refusal:
        engine.add_sa(replace(sa, keys_out=wrong))
    shown = "".join(traceback.format_exception(refusal.value))
    assert "secret octets" not in shown


def test_refuses_outer_addresses_of_two_versions(engine: EngineDataPlane) -> None:
    sa = child_sa(AES_GCM)
    mixed = replace(sa.transport, remote=ip_address("2001:db8::1"))
    with pytest.raises(DataPlaneError, match="different IP versions"):
        engine.add_sa(replace(sa, transport=mixed))
    engine.add_sa(sa)
    with pytest.raises(DataPlaneError, match="different IP versions"):
        engine.move_sa(sa.spi_in, ip_address("2001:db8::1"), 4500)


def test_sends_nothing_where_it_is_not_open(engine: EngineDataPlane) -> None:
    here, there = ip_address("192.0.2.1"), ip_address("192.0.2.2")
    with pytest.raises(DataPlaneError, match="has no socket on"):
        engine.send_ike(here, there, 4500, b"message")
    with pytest.raises(DataPlaneError, match="has no socket on"):
        engine.send_keepalive(here, there, 4500)


def test_an_address_that_is_not_ours_is_a_sentence(engine: EngineDataPlane) -> None:
    with pytest.raises(DataPlaneError, match=r"no interface of this machine has 192\.0\.2\.1"):
        engine.open([ip_address("192.0.2.1")])
    assert engine.state().features["workers"] == "0"


@pytest.mark.parametrize("workers", [0, 65])
def test_refuses_a_number_of_workers_that_cannot_be(workers: int) -> None:
    with pytest.raises(DataPlaneError, match=f"1 to 64 workers, not {workers};"):
        EngineDataPlane("gwunit2", workers=workers)


def test_is_quiet_when_nothing_happens(engine: EngineDataPlane) -> None:
    assert select.select([engine.event_fd()], [], [], 0) == ([], [], [])
    assert engine.poll_events() == []
    engine.acquire_failed(1)
    engine.close(remove=True)


def test_every_counter_has_a_name_and_a_sentence(engine: EngineDataPlane) -> None:
    meanings = counter_meanings()
    assert list(engine.counters().values()) == [0] * len(meanings)
    assert engine.counters().keys() == meanings.keys()
    assert all(text.strip() for text in meanings.values())
    drops = {name for name in meanings if name.startswith("drop_")}
    assert {"drop_no_policy", "drop_replay", "drop_bad_icv", "drop_unknown_spi"} <= drops


def test_no_repr_shows_a_key() -> None:
    sa: ChildSa = child_sa(AES_GCM)
    codec = _engine.Esp(
        cipher="aes-128-gcm",
        integrity=None,
        encryption_key=sa.keys_in.encryption.reveal(),
        integrity_key=b"",
        spi=sa.spi_in,
    )
    assert repr(codec) == "Esp(spi=0x10000000, aes-128-gcm)"
    assert repr(EngineDataPlane("gwunit1")._engine) == 'Engine("gwunit1")'
