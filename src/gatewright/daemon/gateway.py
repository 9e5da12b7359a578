"""One gateway: its parts, and the commands that change what is assigned.

The order in which a policy is put in force keeps the first promise (never in clear):

1. guards: from here on nothing that the policy protects passes in clear;
2. sockets, data plane (TUN device, ESP, UDP 4500);
3. steering: the policy's packets go into the TUN device;
4. IKE connections and SPD: tunnels can come up.

Whatever fails before 4 is undone, and the policy that was in force stays.  Taking a policy out of
force goes the other way round.  Calls that block (netlink, nft) run in a thread; IKE goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gatewright.audit.event import Event, Kind, Severity
from gatewright.audit.trail import Trail
from gatewright.control import models
from gatewright.control.service import CommandRefusedError
from gatewright.daemon import memory
from gatewright.daemon.changes import sentences
from gatewright.daemon.connection_types import require_connection_types
from gatewright.daemon.engines import Choice, decided
from gatewright.daemon.failures import Failures
from gatewright.daemon.loop import Loop
from gatewright.daemon.persistence import Assigned, AssignedStore
from gatewright.daemon.preparation import Prepared, Preparer
from gatewright.daemon.secret_switch import SecretSwitch
from gatewright.daemon.sockets import SocketError, Sockets
from gatewright.dataplane.interface import DataPlane, DataPlaneError
from gatewright.host.guards import endpoints
from gatewright.host.interface import Host
from gatewright.host.names import HostError
from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.compiled import CompiledPolicy, Engine

_FAREWELL = 2.0  # seconds for peers to acknowledge that their SAs are deleted
_SYSTEM_ERRORS = (HostError, DataPlaneError, SocketError)


@dataclass(frozen=True, slots=True)
class InForce:
    """What is assigned now: as written, compiled for which engine and addresses, and as shown."""

    assigned: Assigned
    compiled: CompiledPolicy
    choice: Choice
    addresses: tuple[IPAddress, ...]
    shown: models.Policy


@dataclass(frozen=True, slots=True)
class Parts:
    """What a gateway is made of; tests put doubles in.  ``wall_clock``: seconds since 1970."""

    loop: Loop
    sockets: Sockets
    host: Host
    make_dataplane: Callable[[Engine], DataPlane]
    choose: Callable[[CompiledPolicy], Choice]
    prepare: Preparer
    secrets: SecretSwitch
    trail: Trail
    failures: Failures
    store: AssignedStore
    wall_clock: Callable[[], float]


class Gateway:
    """Commands are carried out one after the other.

    ``forwarding``: switch on IP forwarding where the policy needs it.
    """

    def __init__(self, parts: Parts, *, forwarding: bool = False) -> None:
        self.parts = parts
        self.in_force: InForce | None = None
        self._forwarding = forwarding
        self._engine = Engine.USER_SPACE  # of the data plane at hand
        self._one_at_a_time = asyncio.Lock()

    async def assign(
        self, text: str, filename: str, *, restored_from: float | None = None
    ) -> models.AssignResult:
        """Put a policy in force in place of the one that is.

        Raises CommandRefusedError: the policy in force stays, and the reason is in the trail.
        """
        async with self._one_at_a_time:
            try:
                return await self._assign(text, filename, restored_from)
            except CommandRefusedError as error:
                problem = error.problem
                first = problem.findings[0].what if problem.findings else problem.why
                self._note(
                    Kind.POLICY_REFUSED,
                    f"The policy {filename} was refused: {problem.what} {first}".strip(),
                    Severity.ERROR,
                )
                raise
            finally:
                await asyncio.to_thread(memory.give_back)

    async def look_after(self) -> None:
        """Something changed on the machine: see that the policy in force is still in force.

        Guards that somebody removed are put up again, rules and routes that went are added, and a
        policy that speaks of this machine's addresses is compiled anew.
        """
        async with self._one_at_a_time:
            in_force, host = self.in_force, self.parts.host
            if in_force is None:
                return
            try:
                if not await asyncio.to_thread(host.guards_stand, in_force.compiled):
                    await asyncio.to_thread(host.install_guards, in_force.compiled)
                    text = "The guards were not as they have to be and stand again."
                    text += " Somebody changed nftables (nft flush ruleset?) or an interface."
                    self._note(Kind.HOST_NOTICE, text, Severity.WARNING)
                await asyncio.to_thread(host.steer, in_force.compiled)
                await self._follow_addresses(in_force)
            except _SYSTEM_ERRORS as error:
                text = f"The policy in force could not be kept up: {error}"
                self._note(Kind.HOST_NOTICE, text, Severity.ERROR)
            except CommandRefusedError as error:
                text = f"The policy does not fit this machine any more: {error.problem.what}"
                self._note(Kind.HOST_NOTICE, text, Severity.ERROR)

    async def unassign(self) -> models.UnassignResult:
        """Take the policy out of force: delete the SAs, then remove everything from the host."""
        async with self._one_at_a_time:
            name = self.in_force.compiled.name if self.in_force else None
            loop = self.parts.loop
            loop.command(lambda now: loop.endpoint.set_connections((), now))
            await self._farewell()
            loop.unwatch_data_plane()
            self.parts.sockets.close()
            self.in_force = None
            try:
                self._replace_dataplane(Engine.USER_SPACE, remove=True)
                await asyncio.to_thread(self.parts.host.remove)
            except _SYSTEM_ERRORS as error:
                what = "The policy could not be taken back in full. Unassign it again."
                raise _system_refused(what, error) from None
            self.parts.store.remove()
            self.parts.failures.keep(())
            await asyncio.to_thread(memory.give_back)
            if name is not None:
                self._note(Kind.POLICY_UNASSIGNED, f'The policy "{name}" was unassigned.')
            return models.UnassignResult(policy=name)

    async def shut_down(self) -> None:
        """Tell the peers and stop.  Guards, routes and the TUN device stay: nothing leaks."""
        async with self._one_at_a_time:
            loop = self.parts.loop
            loop.command(loop.endpoint.shutdown)
            await self._farewell()
            loop.stop()
            self.parts.sockets.close()
            if self.in_force is not None:
                loop.executor.dataplane.close(remove=False)

    async def _assign(
        self, text: str, filename: str, restored_from: float | None
    ) -> models.AssignResult:
        parts = self.parts
        try:
            addresses, choice, prepared = await self._prepare(text, filename)
            notices = await self._enforce(prepared)
        except _SYSTEM_ERRORS as error:
            raise _system_refused("The policy could not be put in force.", error) from None
        former, compiled = self.in_force, prepared.compiled
        time = parts.wall_clock() if restored_from is None else restored_from
        shown = models.Policy(
            name=compiled.name,
            source=filename,
            assigned=datetime.fromtimestamp(time, UTC),
            restored=restored_from is not None,
        )
        assigned = Assigned(text, filename, time)
        self.in_force = InForce(assigned, compiled, choice, addresses, shown)
        parts.failures.keep(connection.name for connection in compiled.connections)
        notices = [*notices, *await asyncio.to_thread(self._remember, assigned)]
        changes = sentences(former.compiled if former else None, compiled)
        self._note(
            Kind.POLICY_ASSIGNED, _assigned_text(compiled, changes, again=former is not None)
        )
        for notice in notices:
            self._note(Kind.HOST_NOTICE, notice, Severity.WARNING)
        return models.AssignResult(
            policy=shown, changes=changes, notices=notices, findings=list(prepared.findings)
        )

    def _remember(self, assigned: Assigned) -> Sequence[str]:
        """For the next start; gives what the administrator should know."""
        try:
            self.parts.store.save(assigned)
        except OSError as error:
            return [
                f"The assigned policy could not be recorded ({error.strerror}), so the gateway "
                "will not take it up by itself when it is started again. Assign it once more."
            ]
        return []

    async def _prepare(
        self, text: str, filename: str
    ) -> tuple[tuple[IPAddress, ...], Choice, Prepared]:
        """The policy for the machine's addresses as they are now and the engine that can do it."""
        local = await asyncio.to_thread(self.parts.host.local_addresses)
        addresses = tuple(each.ip for each in local)
        prepared = await asyncio.to_thread(self.parts.prepare, text, filename, addresses)
        require_connection_types(prepared.compiled, local)
        choice = await asyncio.to_thread(self.parts.choose, prepared.compiled)
        compiled = decided(prepared.compiled, choice)
        return addresses, choice, replace(prepared, compiled=compiled)

    async def _follow_addresses(self, in_force: InForce) -> None:
        """Compile anew, and put in force what came out different."""
        local = await asyncio.to_thread(self.parts.host.local_addresses)
        if {each.ip for each in local} == set(in_force.addresses):
            return
        assigned = in_force.assigned
        addresses, choice, prepared = await self._prepare(assigned.text, assigned.filename)
        if prepared.compiled == in_force.compiled:
            self.in_force = replace(in_force, addresses=addresses)
            return
        await self._enforce(prepared)
        self.in_force = replace(
            in_force, compiled=prepared.compiled, choice=choice, addresses=addresses
        )
        changes = " ".join(sentences(in_force.compiled, prepared.compiled))
        self._note(Kind.POLICY_ASSIGNED, f"The machine's addresses changed. {changes}".strip())

    async def _enforce(self, prepared: Prepared) -> Sequence[str]:
        """Steps 1 to 4; undoes what was done when one of them fails."""
        host = self.parts.host
        compiled = prepared.compiled
        guarded_before = await asyncio.to_thread(host.guarded)
        try:
            await self._surround(compiled)
            notices = await asyncio.to_thread(host.forwarding, compiled, enable=self._forwarding)
            self.parts.secrets.use(prepared.secrets)
            self._set_policies(compiled)
        except _SYSTEM_ERRORS:
            await self._undo(guarded_before=guarded_before)
            raise
        return notices

    def _set_policies(self, compiled: CompiledPolicy) -> None:
        """Step 4."""
        loop = self.parts.loop
        loop.command(lambda now: loop.endpoint.set_connections(compiled.connections, now))
        loop.executor.dataplane.replace_policies(compiled.spd)

    async def _surround(self, compiled: CompiledPolicy) -> None:
        """Steps 1 to 3."""
        parts = self.parts
        await asyncio.to_thread(parts.host.install_guards, compiled)
        await self._take_engine(compiled.engine)
        own = endpoints(compiled)
        parts.sockets.listen(own)
        parts.loop.executor.dataplane.open(own)
        parts.loop.watch_data_plane()
        await asyncio.to_thread(parts.host.steer, compiled)

    async def _take_engine(self, engine: Engine) -> None:
        """Change to another one if it is another.  SAs do not move: peers are told, and start anew.

        The guards of the new one stand already, so meanwhile nothing passes.
        """
        if engine is self._engine:
            return
        loop = self.parts.loop
        loop.command(lambda now: loop.endpoint.set_connections((), now))
        await self._farewell()
        loop.unwatch_data_plane()
        self._replace_dataplane(engine, remove=True)

    async def _undo(self, *, guarded_before: bool) -> None:
        """Go back to the policy in force.  Guards that stood before are never taken away."""
        parts = self.parts
        try:
            if self.in_force is not None:
                await self._surround(self.in_force.compiled)
                self._set_policies(self.in_force.compiled)
            else:
                loop = parts.loop
                loop.command(lambda now: loop.endpoint.set_connections((), now))
                loop.unwatch_data_plane()
                parts.sockets.close()
                self._replace_dataplane(Engine.USER_SPACE, remove=not guarded_before)
                if not guarded_before:
                    await asyncio.to_thread(parts.host.remove)
        except _SYSTEM_ERRORS as error:
            text = f"Going back to the former policy failed: {error} Protected traffic is blocked."
            self._note(Kind.HOST_NOTICE, text, Severity.ERROR)

    def _replace_dataplane(self, engine: Engine, *, remove: bool) -> None:
        """Close the data plane, for good, and have a new one ready."""
        executor = self.parts.loop.executor
        try:
            executor.dataplane.close(remove=remove)
        except DataPlaneError as error:
            self._note(Kind.HOST_NOTICE, f"Closing the data plane: {error}", Severity.WARNING)
        executor.dataplane = self.parts.make_dataplane(engine)
        self._engine = engine

    async def _farewell(self) -> None:
        """Give peers a moment to acknowledge deletes; those that do not answer are left."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _FAREWELL
        gone = asyncio.Event()
        endpoint = self.parts.loop.endpoint
        stop = self.parts.loop.executor.observe(
            lambda _output, _event: None if endpoint.snapshot(loop.time()) else gone.set()
        )
        try:
            while endpoint.snapshot(loop.time()) and loop.time() < until:
                try:
                    await asyncio.wait_for(gone.wait(), min(0.1, until - loop.time()))
                except TimeoutError:
                    continue
        finally:
            stop()

    def _note(self, kind: Kind, text: str, severity: Severity = Severity.INFORMATION) -> None:
        self.parts.trail.add(Event(kind, severity, text))


def _assigned_text(compiled: CompiledPolicy, changes: Sequence[str], *, again: bool) -> str:
    if again:
        return f'The policy "{compiled.name}" was assigned anew. {" ".join(changes)}'.strip()
    count = len(compiled.connections)
    return f'The policy "{compiled.name}" is assigned: {count} tunnel{"" if count == 1 else "s"}.'


def _system_refused(what: str, error: Exception) -> CommandRefusedError:
    problem = models.Problem(code="system-refused", what=what, why=str(error))
    return CommandRefusedError(500, problem)
