"""Two daemons' cores in one process: real IKE, data planes and machines in memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from gatewright.control import models
from gatewright.daemon.service import GatewayService
from gatewright.host.steering import LocalAddress
from gatewright.ike.endpoint import Endpoint
from gatewright.ike.machine import Datagram
from gatewright.ipsec.secret import Secret
from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.compiled import NatTraversal
from tests.support.entropy import seeded
from tests.support.policies import entry, policy
from tests.unit.daemon.doubles import OURS, THEIRS, Bench

A, B = "192.168.10.0/24", "10.20.0.0/24"
HOST_A, HOST_B = ip_address("192.168.10.2"), ip_address("10.20.0.2")


class Key:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def preshared_key(self, name: str) -> Secret:
        del name
        return Secret(self._key)


class Side:
    """One gateway with a real endpoint; ``other`` gets what it sends."""

    other: Side

    def __init__(self, directory: Path, own: IPAddress, seed: int, key: bytes) -> None:
        directory.mkdir()
        self.own = own
        self.bench = Bench(directory)
        self.bench.loop.endpoint = Endpoint(seeded(seed), Key(key))
        self.bench.host.addresses = [LocalAddress(own, "wan")]
        self.bench.plane.carrier = self._send_4500
        self.bench.sockets.send = self._send_500  # type: ignore[method-assign]
        self.bench.loop.executor._send = self._send_500
        self.service = GatewayService(self.bench.gateway)

    async def assign(self, *, local: str, remote: str, peer: IPAddress, force: bool) -> None:
        made = policy(entry(1, local, remote), local=str(self.own), remote=str(peer))
        if force:
            forced = tuple(
                replace(each, nat_traversal=NatTraversal.FORCE) for each in made.connections
            )
            made = replace(made, connections=forced)
        self.bench.policies = {"p": made}
        await self.service.assign(models.AssignRequest(text="p", filename="/p.yaml"))

    def _send_500(self, datagram: Datagram) -> None:
        arrived = Datagram(datagram.remote, datagram.local, datagram.payload)
        call = partial(self.other.bench.loop.receive, arrived)
        asyncio.get_running_loop().call_soon(call)

    def _send_4500(
        self, local: IPAddress, remote: IPAddress, remote_port: int, payload: bytes
    ) -> None:
        assert remote_port == 4500
        self.other.bench.plane.deliver(remote, local, 4500, payload)


async def pair(
    directory: Path, *, force: bool = False, keys: tuple[bytes, bytes] = (b"key", b"key")
) -> tuple[Side, Side]:
    a = Side(directory / "a", OURS, 1, keys[0])
    b = Side(directory / "b", THEIRS, 2, keys[1])
    a.other, b.other = b, a
    await a.assign(local=A, remote=B, peer=THEIRS, force=force)
    await b.assign(local=B, remote=A, peer=OURS, force=force)
    return a, b


async def until_protected(side: Side) -> None:
    while side.bench.plane.packet(HOST_A, HOST_B) != "protected":
        await asyncio.sleep(0)


def test_the_first_packet_brings_the_tunnel_up(tmp_path: Path) -> None:
    async def main() -> None:
        a, b = await pair(tmp_path)
        assert a.bench.plane.packet(HOST_A, HOST_B) == "queued"
        await asyncio.wait_for(until_protected(a), 20)
        (ours,), (theirs,) = a.bench.plane.sas.values(), b.bench.plane.sas.values()
        assert (ours.spi_in, ours.spi_out) == (theirs.spi_out, theirs.spi_in)
        assert ours.keys_in == theirs.keys_out
        status = await a.service.status()
        assert status.tunnels[0].state == "up"
        assert [each.event.kind.number for each in a.bench.trail.newest(2)] == [541, 541]

    asyncio.run(main())


def test_nat_traversal_goes_over_the_data_plane(tmp_path: Path) -> None:
    async def main() -> None:
        a, _ = await pair(tmp_path, force=True)
        assert a.bench.plane.packet(HOST_A, HOST_B) == "queued"
        await asyncio.wait_for(until_protected(a), 20)
        (sa,) = a.bench.plane.sas.values()
        assert (sa.transport.local_port, sa.transport.remote_port) == (4500, 4500)

    asyncio.run(main())


def test_wrong_keys_are_explained_on_the_side_that_asked(tmp_path: Path) -> None:
    async def main() -> None:
        a, b = await pair(tmp_path, keys=(b"one key", b"another"))
        lines = [each async for each in a.service.up("branch", 20)]
        result = lines[-1].result
        assert result is not None
        assert result.result == "failed"
        assert "preshared key" in result.text
        assert [each.event.number for each in lines if each.event] == [545]
        assert a.bench.plane.sas == {}
        assert b.bench.plane.sas == {}
        assert 1 in a.bench.plane.given_up

    asyncio.run(main())


def test_taking_the_policy_back_deletes_the_sas_of_both(tmp_path: Path) -> None:
    async def main() -> None:
        a, b = await pair(tmp_path)
        assert [each async for each in a.service.up("branch", 20)][-1].result is not None
        plane = b.bench.plane
        assert plane.sas
        await a.service.unassign()
        assert plane.sas == {}
        assert [sa for sa in b.bench.loop.endpoint.snapshot(0.0) if sa.children] == []

    asyncio.run(main())
