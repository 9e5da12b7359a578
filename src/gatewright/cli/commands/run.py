"""``gatewright run``: the gateway itself, in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gatewright.cli.exits import Exit
from gatewright.cli.options import Control, Json, StateDirectory
from gatewright.cli.output import console, fail, print_event, refused_status
from gatewright.cli.policy_file import read_policy
from gatewright.control.paths import DEFAULT_CONTROL
from gatewright.daemon.secrets import DEFAULT_DIRECTORY as DEFAULT_SECRETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewright.audit.event import Record

Direct = Literal["auto", "on", "off"]


def _switches(names: list[str] | None) -> list[str] | None:
    """Refuses what is not the name of a fast path that can be switched off."""
    from gatewright.dataplane.fast_paths import SWITCHES

    for name in names or ():
        if name not in SWITCHES:
            known = ", ".join(SWITCHES)
            raise typer.BadParameter(f"no fast path has the name {name!r}; there are {known}.")
    return names


def run(
    policy: Annotated[
        Path | None,
        typer.Argument(
            metavar="[POLICY]",
            help="The policy to assign; without it, the one that was assigned before.",
        ),
    ] = None,
    control: Control = DEFAULT_CONTROL,
    state_dir: StateDirectory = None,
    secrets: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the preshared keys lie, a file each.")
    ] = DEFAULT_SECRETS,
    interface: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the TUN device.")
    ] = "gatewright0",
    forwarding: Annotated[
        bool,
        typer.Option(
            "--forwarding/--no-forwarding",
            help="Switch IP forwarding on where the policy needs it.",
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=64,
            help="Packet threads of the engine. [default: half of the cores, at most 8]",
            show_default=False,
        ),
    ] = None,
    busy_poll: Annotated[
        int,
        typer.Option(
            metavar="MICROSECONDS",
            min=0,
            max=1_000_000,
            help="How long a packet thread looks for more before it sleeps. It costs a core.",
        ),
    ] = 0,
    export_keys: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write session keys for Wireshark here. Who reads them reads the traffic.",
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Do not use this fast path of the engine (a name from 'gatewright status'; "
            "repeatable).",
            callback=_switches,
        ),
    ] = None,
    mss_clamp: Annotated[
        bool,
        typer.Option(
            "--mss-clamp/--no-mss-clamp",
            help="Have TCP connections through a tunnel begin with segments that fit it.",
        ),
    ] = True,
    *,
    direct_esp: Annotated[
        Direct,
        typer.Option(
            help="Hand ESP as protocol 50 to the interface past the kernel's IP layer, which is "
            "faster: auto does it while no firewall rules of others would see it leave."
        ),
    ] = "auto",
    as_json: Json = False,
) -> None:
    """Run the gateway in the foreground until SIGTERM or Ctrl-C.

    Stopping it leaves protected traffic blocked; 'gatewright unassign' lets it go.

    SIGHUP reads the policy file again.
    """
    given = read_policy(policy, as_json=as_json) if policy is not None else None

    from gatewright.control.listener import SocketInUseError
    from gatewright.control.models import Problem
    from gatewright.control.service import CommandRefusedError
    from gatewright.daemon import run as daemon
    from gatewright.daemon.settings import Settings, state_directory
    from gatewright.dataplane.interface import DirectEsp
    from gatewright.host.names import HostNames

    settings = Settings(
        control=control,
        state=state_directory(control, state_dir),
        names=HostNames(tun=interface),
        secrets=secrets,
        forwarding=forwarding,
        workers=workers,
        busy_poll_us=busy_poll,
        export_keys=export_keys,
        without=tuple(without or ()),
        mss_clamp=mss_clamp,
        direct_esp=DirectEsp(direct_esp),
    )
    start = daemon.PolicyFile(*given) if given is not None else None
    try:
        daemon.run(settings, start, _teller(as_json=as_json))
    except CommandRefusedError as error:
        fail(error.problem, refused_status(error.problem), as_json=as_json)
    except daemon.DaemonError as error:
        missing = error.problem.code == "missing-privilege"
        fail(error.problem, Exit.PRIVILEGE if missing else Exit.FAILED, as_json=as_json)
    except SocketInUseError as error:
        problem = Problem(
            code="already-running",
            what="A gateway runs already.",
            why=f"{error}.",
            advice="Use 'gatewright assign POLICY' to give it a policy, or another --control.",
        )
        fail(problem, Exit.FAILED, as_json=as_json)


def _teller(*, as_json: bool) -> Callable[[Record], None]:
    """Prints each audit record as it comes: a line, or a line of JSON."""
    from gatewright.daemon.records import event_model

    out = console()

    def say(record: Record) -> None:
        if as_json:
            typer.echo(event_model(record).model_dump_json())
        else:
            print_event(out, event_model(record))

    return say
