"""The daemon: puts a gateway together, keeps it running, and stops it in good order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gatewright import __version__
from gatewright.audit.event import Event, Kind, Record, Severity
from gatewright.audit.keylog import KeyLogError
from gatewright.audit.store import Store
from gatewright.audit.trail import Trail
from gatewright.control import models, policy_text
from gatewright.control.listener import InstanceLock, Listener
from gatewright.control.server import application
from gatewright.control.service import CommandRefusedError
from gatewright.daemon import privileges
from gatewright.daemon.engines import choose
from gatewright.daemon.executor import Executor
from gatewright.daemon.factories import data_plane, key_export
from gatewright.daemon.failures import Failures
from gatewright.daemon.gateway import Gateway, Parts
from gatewright.daemon.loop import Loop
from gatewright.daemon.notify import Notifier
from gatewright.daemon.persistence import AssignedStore
from gatewright.daemon.preparation import preparer
from gatewright.daemon.secret_switch import SecretSwitch
from gatewright.daemon.secrets import SecretStore
from gatewright.daemon.service import GatewayService
from gatewright.daemon.settings import Settings
from gatewright.daemon.sockets import IkeSockets
from gatewright.dataplane.interface import DataPlaneError
from gatewright.dataplane.kernel.probe import missing
from gatewright.host.claim import NamespaceClaim
from gatewright.host.linux import LinuxHost
from gatewright.host.names import HostError
from gatewright.host.watch import Watch
from gatewright.ike.endpoint import Endpoint
from gatewright.policy.compiled import Engine


class DaemonError(Exception):
    """The daemon cannot start, or cannot go on; the problem says why."""

    def __init__(self, problem: models.Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """The policy to start with, read by who knows how to say that it cannot be."""

    text: str
    filename: str


_STATUS_KINDS = frozenset({Kind.POLICY_ASSIGNED, Kind.POLICY_REFUSED, Kind.POLICY_UNASSIGNED})

Say = Callable[[Record], None]


def run(settings: Settings, policy: PolicyFile | None, say: Say) -> None:
    """Run until SIGTERM or SIGINT.  ``say`` gets each audit record, for the console.

    Raises:
        DaemonError, CommandRefusedError: it did not start; guards that stood still stand.
        control.listener.SocketInUseError: another daemon has the control socket.
    """
    _require_privileges()
    privileges.forbid_core_dumps()
    lock, claim = InstanceLock(settings.control), NamespaceClaim(settings.names)
    try:
        lock.acquire()
    except OSError as error:
        raise DaemonError(_no_directory(error)) from None
    try:
        _make_directory(settings.state)
        claim.acquire()
        asyncio.run(_main(settings, policy, say))
    except (HostError, DataPlaneError, KeyLogError, OSError) as error:
        raise DaemonError(_refused_by_system(error)) from None
    finally:
        claim.release()
        lock.release()


def _make_directory(state: Path) -> None:
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DaemonError(_no_directory(error)) from None


async def _main(settings: Settings, policy: PolicyFile | None, say: Say) -> None:
    await _Daemon(settings, say).main(policy)


class _Daemon:
    def __init__(self, settings: Settings, say: Say) -> None:
        self._settings = settings
        self._notifier = Notifier()
        self._store = Store(settings.state / "audit.sqlite")
        self._trail = Trail(time.time, self._store)
        self._trail.listen(self._tell)
        self._say = say
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self._failure: DaemonError | None = None

    async def main(self, policy: PolicyFile | None) -> None:
        gateway = _compose(self._settings, self._trail, self._data_plane_ended)
        service = GatewayService(gateway)
        listener = Listener(application(service), self._settings.control)
        started = f"Gatewright {__version__} started (pid {os.getpid()})"
        control = self._settings.control
        self._note(Kind.GATEWAY_STARTED, f"{started}; control socket {control}.")
        if self._store.problem:
            text = f"The audit trail is not kept on disk: {self._store.problem}."
            self._note(Kind.HOST_NOTICE, text, Severity.WARNING)
        self._handle_signals(gateway)
        try:
            await self._begin(gateway, policy)
            await listener.open()
            self._notifier.ready()
            with self._signs_of_life(), self._looking_after(gateway):
                await self._stop.wait()
            if self._failure is not None:
                raise self._failure
        finally:
            self._notifier.stopping()
            service.close()
            await listener.close()
            await gateway.shut_down()
            kept = "Protected traffic stays blocked." if gateway.in_force else ""
            self._note(Kind.GATEWAY_STOPPED, f"Gatewright stopped. {kept}".strip())
            self._trail.flush()
            self._store.close()

    async def _begin(self, gateway: Gateway, policy: PolicyFile | None) -> None:
        """Guards of an earlier run first, then the given policy or the one of the earlier run."""
        host = gateway.parts.host
        if await asyncio.to_thread(host.restore_guards):
            self._note(Kind.HOST_NOTICE, "The guards of the last run stand again.")
        if policy is not None:
            await gateway.assign(policy.text, policy.filename)
            return
        try:
            former = gateway.parts.store.load()
        except ValueError as error:
            raise DaemonError(_unreadable_record(error)) from None
        if former is not None:
            await gateway.assign(former.text, former.filename, restored_from=former.time)
        elif await asyncio.to_thread(host.guarded):
            text = (
                "Guards of an earlier run stand, and there is no record of their policy. They "
                "block until a policy is assigned, or 'gatewright unassign' takes them away."
            )
            self._note(Kind.HOST_NOTICE, text, Severity.WARNING)
        else:
            text = "No policy was assigned before: 'gatewright assign POLICY' puts one in force."
            self._note(Kind.HOST_NOTICE, text)

    def _handle_signals(self, gateway: Gateway) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._begin_task(self._reload(gateway)))

    async def _reload(self, gateway: Gateway) -> None:
        """Read the policy file again; whatever is wrong with it leaves the policy in force."""
        in_force = gateway.in_force
        if in_force is None:
            return
        self._notifier.reloading(time.monotonic_ns() // 1000)
        filename = in_force.assigned.filename
        try:
            text = await asyncio.to_thread(policy_text.read, Path(filename))
            await gateway.assign(text, filename)
        except policy_text.UnreadableError as error:
            text = f"The policy file {filename} cannot be read again: {error} The policy stays."
            self._note(Kind.POLICY_REFUSED, text, Severity.ERROR)
        except CommandRefusedError:
            pass  # the gateway has put the reason into the trail
        self._notifier.ready()

    @contextlib.contextmanager
    def _signs_of_life(self) -> Iterator[None]:
        """Tell the service manager that the event loop turns, as often as it wants to hear it."""
        interval = self._notifier.watchdog_interval
        if interval is None:
            yield
            return
        task = asyncio.create_task(self._keep_telling(interval))
        try:
            yield
        finally:
            task.cancel()

    @contextlib.contextmanager
    def _looking_after(self, gateway: Gateway) -> Iterator[None]:
        """Put back what others take away, and follow the machine's addresses."""
        told = asyncio.Event()
        watch = Watch(asyncio.get_running_loop(), told.set)
        try:
            watch.open()
        except HostError as error:
            self._note(Kind.HOST_NOTICE, str(error), Severity.WARNING)
        task = asyncio.create_task(_look_after(gateway, told))
        try:
            yield
        finally:
            watch.close()
            task.cancel()

    def _begin_task(self, work: Coroutine[None, None, None]) -> None:
        """Run beside; the daemon keeps the task, as the event loop does not."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep_telling(self, interval: float) -> None:
        while True:
            self._notifier.alive()
            await asyncio.sleep(interval)

    def _tell(self, record: Record) -> None:
        if record.event.kind in _STATUS_KINDS:
            self._notifier.status(record.event.text)
        with contextlib.suppress(OSError):  # the console is gone; the gateway works on
            self._say(record)

    def _data_plane_ended(self) -> None:
        """The service manager starts the gateway anew; until then the guards block."""
        self._failure = DaemonError(
            models.Problem(
                code="data-plane-ended",
                what="The data plane ended of itself, so the gateway stops.",
                why="No packet can pass without it; protected traffic is blocked.",
                advice="Start it again, and report this with the output of 'gatewright log'.",
            )
        )
        self._stop.set()

    def _note(self, kind: Kind, text: str, severity: Severity = Severity.INFORMATION) -> None:
        self._trail.add(Event(kind, severity, text))


async def _look_after(gateway: Gateway, told: asyncio.Event) -> None:
    """One look at a time: what changes meanwhile is for the next, however often it is told."""
    while True:
        await told.wait()
        told.clear()
        await gateway.look_after()


def _compose(settings: Settings, trail: Trail, on_data_plane_end: Callable[[], None]) -> Gateway:
    """The composition root: every part is made and joined here."""
    loop = asyncio.get_running_loop()
    secrets = SecretSwitch()
    endpoint = Endpoint(os.urandom, secrets, export_keys=settings.export_keys is not None)
    make_dataplane = partial(
        data_plane,
        settings.names,
        without=settings.without,
        mss_clamp=settings.mss_clamp,
        workers=settings.workers,
        busy_poll_us=settings.busy_poll_us,
        direct_esp=settings.direct_esp,
    )
    sockets = IkeSockets(loop, settings.names.mark)
    initial = make_dataplane(Engine.USER_SPACE)
    executor = Executor(initial, sockets.send, trail, key_export(settings.export_keys))
    failures = Failures(time.time)
    executor.observe(failures)
    driver = Loop(loop, endpoint, executor, trail, on_data_plane_end)
    sockets.deliver_to(driver.receive)
    parts = Parts(
        loop=driver,
        sockets=sockets,
        host=LinuxHost(settings.state, settings.names),
        make_dataplane=make_dataplane,
        choose=partial(choose, probe=missing),
        prepare=preparer(SecretStore(settings.secrets)),
        secrets=secrets,
        trail=trail,
        failures=failures,
        store=AssignedStore(settings.state),
        wall_clock=time.time,
    )
    return Gateway(parts, forwarding=settings.forwarding)


def _require_privileges() -> None:
    missing = privileges.missing()
    if missing:
        names = ", ".join(name for name, _ in missing)
        needs = "; ".join(f"{name} for {purpose}" for name, purpose in missing)
        raise DaemonError(
            models.Problem(
                code="missing-privilege",
                what=f"The gateway needs capabilities that this process does not have: {names}.",
                why=f"{needs}.",
                advice="Run as root, or in a user namespace of your own: "
                "unshare --user --map-root-user --net.",
            )
        )


def _no_directory(error: OSError) -> models.Problem:
    return models.Problem(
        code="no-directory",
        what=f"{error.filename} cannot be made or written: {error.strerror}.",
        why="The gateway keeps its control socket, the assigned policy and the audit trail there.",
        advice="Name other places with --control and --state-dir.",
    )


def _refused_by_system(error: Exception) -> models.Problem:
    return models.Problem(
        code="system-refused", what="The gateway cannot run on this machine.", why=str(error)
    )


def _unreadable_record(error: ValueError) -> models.Problem:
    return models.Problem(
        code="no-record",
        what="The policy that was assigned before cannot be taken up again.",
        why=f"{error}.",
        advice="Name the policy: gatewright run POLICY. Protected traffic stays blocked till then.",
    )
