"""RFC 7296 sections 1.3.3 and 2.8: child SAs are replaced before their lifetime ends."""

from __future__ import annotations

import pytest

from gatewright.iana.ikev2 import NotifyType
from gatewright.ike.outputs import (
    ActivateChildSa,
    ChildSaClosed,
    DeleteChildSa,
    InstallChildSa,
)
from gatewright.ike.v2.children import ChildEntry
from gatewright.ike.v2.sa import IkeSa
from gatewright.ike.v2.tasks.child_create import MAX_CHILDREN
from gatewright.ike.v2.tasks.rekey_child import RekeyChild
from gatewright.wire.v2.payloads.notify import NotifyPayload
from tests.exchange.v2.announce import Announce
from tests.support.figures import Figure
from tests.support.gateways import POLICY, Pair, child, connection, esp, mirrored, pair


def established(method: str = "aes-128-gcm", *, seconds: int = 3600, kilobytes: int = 0) -> Pair:
    offer = esp(method, seconds=seconds, kilobytes=kilobytes)
    gateways = pair(connection(child(offer)), export_keys=True)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert gateways.connected()
    return gateways


@pytest.mark.parametrize(
    ("method", "exchange"),
    [("aes-128-gcm", "SA Nonce"), ("aes-128-gcm+x25519", "SA Nonce KE")],
)
def test_a_rekey_and_the_deletion_of_the_old_sa(method: str, exchange: str) -> None:
    gateways = established(method)
    figure = Figure(gateways.network)
    (old_a,), (old_b,) = (host.told(InstallChildSa) for host in gateways.hosts())

    gateways.endpoint_a.child_expiring(old_a.sa.spi_in, False, gateways.network.now)
    gateways.network.run(1)

    assert figure.text() == [
        f"A -> B  CREATE_CHILD_SA {{N(REKEY_SA) {exchange} TSi TSr}}",
        f"B -> A  CREATE_CHILD_SA {{{exchange} TSi TSr}}",
        "A -> B  INFORMATIONAL {D(1)}",
        "B -> A  INFORMATIONAL {D(1)}",
    ]
    new_a, new_b = (host.told(InstallChildSa)[-1] for host in gateways.hosts())
    assert (new_a.replaces, new_b.replaces) == (old_a.sa.spi_in, old_b.sa.spi_in)
    assert new_a.sa.keys_out == new_b.sa.keys_in
    assert new_a.sa.keys_out != old_a.sa.keys_out
    assert gateways.connected()


def test_the_responder_sends_on_the_new_sa_only_when_the_old_one_is_deleted() -> None:
    gateways = established()
    spi_in = gateways.a.told(InstallChildSa)[0].sa.spi_in
    gateways.endpoint_a.child_expiring(spi_in, False, gateways.network.now)
    gateways.network.run_until(lambda: len(gateways.b.told(InstallChildSa)) == 2)

    new_b = gateways.b.told(InstallChildSa)[-1].sa
    assert new_b.outbound_standby
    assert gateways.b.sad.outbound(POLICY) != new_b
    assert gateways.connected()
    gateways.network.run(1)
    assert gateways.b.told(ActivateChildSa)[-1] == ActivateChildSa(new_b.spi_in)
    assert gateways.b.sad.outbound(POLICY) == new_b
    assert not gateways.a.told(InstallChildSa)[-1].sa.outbound_standby
    assert not gateways.a.told(ActivateChildSa)


def test_the_old_inbound_sa_stays_for_packets_on_their_way() -> None:
    gateways = established()
    old = {host.name: host.told(InstallChildSa)[0].sa.spi_in for host in gateways.hosts()}
    gateways.endpoint_a.child_expiring(old["A"], False, gateways.network.now)
    gateways.network.run(1)
    for host in gateways.hosts():
        assert old[host.name] in host.sad.pairs
        (closed,) = host.told(ChildSaClosed)
        assert (closed.spi_in, closed.reason) == (old[host.name], "rekeyed")
    gateways.network.run(5)
    for host in gateways.hosts():
        assert list(host.sad.pairs) == [host.told(InstallChildSa)[-1].sa.spi_in]
        assert host.told(DeleteChildSa)[0].reason == "rekeyed"


def test_a_lifetime_in_seconds_is_kept_by_rekeying_in_time() -> None:
    gateways = established(seconds=100)
    for _ in range(20):
        gateways.network.run(50)
        assert gateways.connected()
    installed = gateways.a.told(InstallChildSa)
    assert 10 <= len(installed) <= 14
    assert all(len(host.sad.pairs) <= 2 for host in gateways.hosts())
    assert not gateways.a.failures() + gateways.b.failures()


def test_a_lifetime_in_kilobytes_is_told_to_the_data_plane() -> None:
    gateways = established(kilobytes=1000)
    for host in gateways.hosts():
        sa = host.told(InstallChildSa)[0].sa
        assert sa.byte_limit == 1000 * 1024
        assert 0.62 * sa.byte_limit <= sa.byte_soft_limit <= 0.75 * sa.byte_limit


def test_an_sa_that_is_used_up_is_replaced_at_once_and_receives_a_while() -> None:
    gateways = established()
    old = gateways.b.told(InstallChildSa)[0].sa
    gateways.endpoint_b.child_expiring(old.spi_in, hard=True, now=gateways.network.now)
    gateways.network.run(0.5)
    for host in gateways.hosts():
        new = host.sad.outbound(POLICY)
        assert new is not None
        assert new.spi_in not in (old.spi_in, old.spi_out)
    assert old.spi_in in gateways.b.sad.pairs, "packets may be on their way"
    gateways.network.run(6)
    assert [len(host.sad.pairs) for host in gateways.hosts()] == [1, 1]
    assert gateways.connected()


def test_the_successor_of_an_sa_that_is_used_up_does_not_wait_for_the_peer() -> None:
    """A responder's standby ends with the peer's DELETE, which can be late."""
    gateways = established()
    old = gateways.b.told(InstallChildSa)[0].sa
    gateways.network.interceptors.append(  # no DELETE of A arrives
        lambda _: [] if len(gateways.b.told(InstallChildSa)) == 2 else None
    )
    gateways.endpoint_a.child_expiring(old.spi_out, hard=False, now=gateways.network.now)
    gateways.network.run(0.2)
    standby = gateways.b.told(InstallChildSa)[-1].sa
    assert gateways.b.sad.outbound(POLICY) == old
    gateways.endpoint_b.child_expiring(old.spi_in, hard=True, now=gateways.network.now)
    gateways.network.run(0.01)
    assert gateways.b.sad.outbound(POLICY) == standby


def test_an_sa_that_is_used_up_and_cannot_be_replaced_ends() -> None:
    gateways = established()
    spi_in = gateways.b.told(InstallChildSa)[0].sa.spi_in
    gateways.network.interceptors.append(lambda _: [])
    gateways.endpoint_b.child_expiring(spi_in, hard=True, now=gateways.network.now)
    gateways.network.run(6)
    assert not gateways.b.sad.pairs


def test_an_sa_that_was_not_installed_is_deleted_on_both_sides() -> None:
    gateways = established()
    spi_in = gateways.b.told(InstallChildSa)[0].sa.spi_in
    gateways.endpoint_b.child_not_installed(spi_in, gateways.network.now)
    gateways.network.run(1)
    for host in gateways.hosts():
        assert not host.sad.pairs
    assert len(gateways.endpoint_a.snapshot(gateways.network.now)) == 1


def test_a_rekey_that_is_refused_is_reported_and_tried_again_until_the_end() -> None:
    settings = connection(child(esp("aes-128-gcm", seconds=1000)))
    with_groups = mirrored(connection(child(esp("aes-128-gcm+x25519", seconds=10_000))))
    gateways = pair(settings, with_groups)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(990)

    assert gateways.connected()
    failures = gateways.a.failures()
    assert 2 <= len(failures) <= 8
    assert {failure.mode for failure in failures} == {"child SA rekey"}
    assert all(failure.policy_ids == () for failure in failures)  # no packet waits: it works
    gateways.network.run(20)
    for host in gateways.hosts():
        assert not host.sad.pairs
        assert host.told(ChildSaClosed)


def test_another_group_is_wanted_in_a_rekey() -> None:
    both = connection(child(esp("aes-128-gcm+x25519"), esp("aes-128-gcm+ecp-256")))
    one = mirrored(connection(child(esp("aes-128-gcm+ecp-256"))))
    gateways = pair(both, one, export_keys=True)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    figure = Figure(gateways.network)
    spi_in = gateways.a.told(InstallChildSa)[0].sa.spi_in
    gateways.endpoint_a.child_expiring(spi_in, False, gateways.network.now)
    gateways.network.run(1)
    assert figure.text()[:4] == [
        "A -> B  CREATE_CHILD_SA {N(REKEY_SA) SA Nonce KE TSi TSr}",
        "B -> A  CREATE_CHILD_SA {N(INVALID_KE_PAYLOAD)}",
        "A -> B  CREATE_CHILD_SA {N(REKEY_SA) SA Nonce KE TSi TSr}",
        "B -> A  CREATE_CHILD_SA {SA Nonce KE TSi TSr}",
    ]
    assert gateways.connected()


def test_a_child_that_the_peer_does_not_have_is_made_anew() -> None:
    """RFC 7296 section 2.25: CHILD_SA_NOT_FOUND."""
    gateways = established()
    figure = Figure(gateways.network)
    (session,) = gateways.endpoint_b._sessions
    session._sa.children.remove_all("lost in a test")  # type: ignore[attr-defined]
    gateways.network.drain(gateways.b)
    spi_in = gateways.a.told(InstallChildSa)[0].sa.spi_in
    gateways.endpoint_a.child_expiring(spi_in, False, gateways.network.now)
    gateways.network.run(1)
    assert figure.text() == [
        "A -> B  CREATE_CHILD_SA {N(REKEY_SA) SA Nonce TSi TSr}",
        "B -> A  CREATE_CHILD_SA {N(CHILD_SA_NOT_FOUND)}",
        "A -> B  CREATE_CHILD_SA {SA Nonce TSi TSr}",
        "B -> A  CREATE_CHILD_SA {SA Nonce TSi TSr}",
    ]
    assert gateways.connected()
    assert spi_in not in gateways.a.sad.pairs


def test_a_peer_that_gets_esp_for_an_sa_it_lost_says_so() -> None:
    """RFC 7296 section 1.5: INVALID_SPI under the protection of the IKE SA."""
    gateways = established()
    (session,) = gateways.endpoint_b._sessions
    lost = gateways.b.told(InstallChildSa)[0].sa
    session._sa.children.remove_all("lost in a test")  # type: ignore[attr-defined]
    session._sa.agenda.add(  # type: ignore[attr-defined]
        Announce(NotifyPayload(NotifyType.INVALID_SPI, lost.spi_in.to_bytes(4, "big")))
    )
    session._exchanges.proceed(gateways.network.now)  # type: ignore[attr-defined]
    gateways.endpoint_b._collect(session, gateways.network.now)
    gateways.network.run(1)
    assert gateways.connected()
    assert lost.spi_out not in gateways.a.sad.pairs


def test_a_peer_that_rekeys_and_deletes_nothing_comes_to_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def keep_the_old(self: RekeyChild, sa: IkeSa, new: ChildEntry) -> None:
        sa.children.replaced(self.entry, new.spi_in)

    monkeypatch.setattr(RekeyChild, "_replace", keep_the_old)
    gateways = pair()
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    for _ in range(2 * MAX_CHILDREN + 5):
        newest = gateways.a.sad.outbound(POLICY)
        assert newest is not None
        gateways.endpoint_a.child_expiring(newest.spi_in, False, gateways.network.now)
        gateways.network.run(0.1)
    assert len(gateways.b.sad.pairs) == 2 * MAX_CHILDREN
    assert gateways.a.failures()[0].notify == "NO_ADDITIONAL_SAS"
    assert gateways.connected()
