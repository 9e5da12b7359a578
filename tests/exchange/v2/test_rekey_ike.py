"""RFC 7296 sections 1.3.2 and 2.18: the IKE SA is replaced, and its child SAs live on."""

from __future__ import annotations

from gatewright.ike.outputs import IkeSaClosed, IkeSaEstablished, InstallChildSa
from tests.support.figures import Figure
from tests.support.gateways import Pair, connection, ike, mirrored, pair


def established(lifetime: int = 1000) -> Pair:
    gateways = pair(
        connection(lifetime=lifetime), mirrored(connection(lifetime=100_000)), export_keys=True
    )
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    return gateways


def test_a_rekey_and_the_deletion_of_the_old_ike_sa() -> None:
    gateways = established()
    figure = Figure(gateways.network)
    gateways.network.run(950)

    assert figure.text() == [
        "A -> B  CREATE_CHILD_SA {SA Nonce KE}",
        "B -> A  CREATE_CHILD_SA {SA Nonce KE}",
        "A -> B  INFORMATIONAL {D(IKE)}",
        "B -> A  INFORMATIONAL {}",
    ]
    assert {line.sa for line in figure.lines()} == {1}
    for host, endpoint in zip(
        gateways.hosts(), (gateways.endpoint_a, gateways.endpoint_b), strict=True
    ):
        first, second = host.told(IkeSaEstablished)
        assert (first.rekeyed, second.rekeyed) == (False, True)
        (closed,) = host.told(IkeSaClosed)
        assert (closed.spi_i, closed.reason) == (first.spi_i, "rekeyed")
        (snapshot,) = endpoint.snapshot(gateways.network.now)
        assert snapshot.spi_i == second.spi_i
        assert len(snapshot.children) == 1
        assert len(host.told(InstallChildSa)) == 1  # the data plane notices nothing
    assert gateways.connected()


def test_children_are_rekeyed_and_deleted_under_the_new_ike_sa() -> None:
    gateways = established()
    gateways.network.run(950)
    figure = Figure(gateways.network)
    spi_in = gateways.b.told(InstallChildSa)[0].sa.spi_in
    gateways.endpoint_b.child_expiring(spi_in, False, gateways.network.now)
    gateways.network.run(10)
    assert gateways.connected()
    assert [line.message_id for line in figure.lines()] == [0, 0, 1, 1]
    assert len(gateways.a.told(InstallChildSa)) == 2


def test_over_many_lifetimes() -> None:
    gateways = established(lifetime=500)
    for _ in range(20):
        gateways.network.run(250)
        assert gateways.connected()
        assert gateways.endpoint_a.counters()["sessions"] <= 2
    assert len(gateways.a.told(IkeSaEstablished)) >= 10
    assert not gateways.a.failures() + gateways.b.failures()


def test_another_group_is_wanted_in_a_rekey() -> None:
    both = [ike("aes-128-gcm/prf-hmac-sha256/x25519"), ike("aes-128-gcm/prf-hmac-sha256/ecp-384")]
    gateways = pair(connection(proposals=both, lifetime=1000), mirrored(connection(proposals=both)))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    # From now on B has one of the two only: the running IKE SA stays as it is.
    session = next(iter(gateways.endpoint_b._sessions))
    session.update_connection(mirrored(connection(proposals=both[1:])), gateways.network.now)
    gateways.network.run(980)
    assert gateways.a.told(IkeSaEstablished)[-1].algorithms.endswith("ecp-384")
    assert gateways.connected()


def test_a_rekey_that_is_refused_ends_with_the_lifetime() -> None:
    gateways = established()
    session = next(iter(gateways.endpoint_b._sessions))
    other = [ike("aes-256-gcm/prf-hmac-sha256/x25519")]
    session.update_connection(mirrored(connection(proposals=other)), gateways.network.now)
    gateways.network.run(990)
    assert gateways.connected()
    assert {failure.mode for failure in gateways.a.failures()} == {"IKE SA rekey"}
    gateways.network.run(20)
    for host in gateways.hosts():
        assert not host.sad.pairs
        assert host.told(IkeSaClosed)
