"""``gatewright demo``: two networks joined before your eyes, in network namespaces."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gatewright.cli.exits import Exit
from gatewright.cli.options import Json
from gatewright.cli.output import console, fail, print_json
from gatewright.lab.demo_options import DemoOptions, DemoProfile, PeerKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from gatewright.lab.demo import Begun, Demo, Done
    from gatewright.lab.world import World


def demo(
    peer: Annotated[
        PeerKind | None,
        typer.Option(help="The other gateway. [default: strongswan where it is installed]"),
    ] = None,
    profile: Annotated[
        DemoProfile, typer.Option(help="Today's cryptography, or that of a gateway of 2003.")
    ] = DemoProfile.MODERN,
    seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=600, help="How long the transfer runs.")
    ] = 3.0,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave it standing afterwards, to look around in it.")
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take away what --keep left standing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Build two networks and two gateways, join them by a tunnel, and show the evidence.

    Everything happens in network namespaces; nothing of the machine's own network is touched and
    nothing is left behind. Needs root or an unprivileged user namespace.
    """
    if remove:
        _remove_kept(as_json=as_json)
        return

    from gatewright.lab.demo import Demo
    from gatewright.lab.errors import PrivilegeMissingError

    options = DemoOptions(peer=peer, profile=profile, keep=keep, transfer_seconds=seconds)
    demonstration = Demo(options)
    out = console()
    try:
        with closing(demonstration.run()) as run:
            results = _show(out, run, as_json=as_json)
    except PrivilegeMissingError as error:
        _refuse(str(error), as_json=as_json)
    except KeyboardInterrupt:
        out.print("\ninterrupted; nothing is left behind")
        raise typer.Exit(130) from None
    ok = all(done.ok for done in results)
    if as_json:
        print_json(json.dumps(_report(demonstration, results, ok=ok), indent=2))
    if demonstration.kept:
        _explain_kept(out, demonstration.world, as_json=as_json)
    if not ok:
        raise typer.Exit(Exit.FAILED)
    if not as_json:
        out.print("\nThe two networks are joined, and nothing passed in clear.", style="bold green")


def _show(out: Console, run: Iterator[Begun | Done], *, as_json: bool) -> list[Done]:
    """Print each step as it goes; the finished ones."""
    from gatewright.lab.demo import Begun

    results: list[Done] = []
    spinner = out.status("") if out.is_terminal and not as_json else None
    try:
        for event in run:
            if isinstance(event, Begun):
                if spinner is not None:
                    spinner.update(event.title)
                    spinner.start()
                continue
            if spinner is not None:
                spinner.stop()
            results.append(event)
            if not as_json:
                _show_step(out, event)
    finally:
        if spinner is not None:
            spinner.stop()
    return results


def _show_step(out: Console, done: Done) -> None:
    from rich.markup import escape

    mark = "[green]\N{CHECK MARK}[/]" if done.ok else "[bold red]\N{BALLOT X}[/]"
    colour = "" if done.ok else "[red]"
    summary = escape(done.summary)
    out.print(f"{mark} [bold]{done.title}[/]: {colour}{summary}", soft_wrap=True)
    for line in done.lines:
        out.print(f"    {line}", markup=False, style="dim", soft_wrap=True)


def _report(demonstration: Demo, results: list[Done], *, ok: bool) -> dict[str, object]:
    steps = [
        {
            "step": done.step,
            "ok": done.ok,
            "summary": done.summary,
            "lines": list(done.lines),
            "seconds": round(done.seconds, 3),
            **({"facts": dict(done.facts)} if done.facts else {}),
        }
        for done in results
    ]
    report: dict[str, object] = {
        "ok": ok,
        "profile": demonstration.options.profile.value,
        "steps": steps,
    }
    if demonstration.kept:
        report["kept"] = [each.name for each in demonstration.world.namespaces]
    return report


def _explain_kept(out: Console, world: World, *, as_json: bool) -> None:
    """How to look around in it; in a user namespace it stands as long as this process."""
    from gatewright.lab.privilege import Privilege

    inside = world.privilege is Privilege.USER_NAMESPACE
    if not as_json:
        _print_tour(out, world, inside=inside)
    if inside:
        _hold(world)


def _print_tour(out: Console, world: World, *, inside: bool) -> None:
    import os
    import sys
    from pathlib import Path

    prefix = (
        f"nsenter --preserve-credentials -t {os.getpid()} --user --mount --net " if inside else ""
    )
    gateway, host = world.gateway_a.name, world.host_a.name
    control = world.directory / "gatewayA" / "control.sock"
    program = Path(sys.executable).with_name("gatewright")
    out.print("\nIt stands. To look around:", style="bold")
    for line in (
        f"{prefix}ip netns exec {host} ping {world.ipv4.b.host}",
        f"{prefix}{program} status --control {control}",
        f"{prefix}{program} log --control {control}",
        f"{prefix}ip netns exec {gateway} nft list ruleset",
        f"{prefix}ip netns exec {world.internet.name} tcpdump -ni toA",
    ):
        out.print(f"  {line}", markup=False, soft_wrap=True)
    end = "press Ctrl-C here" if inside else f"{program} demo --remove"
    out.print(f"To take it down: {end}", markup=False, soft_wrap=True)


def _hold(world: World) -> None:
    import signal

    from gatewright.lab.leftovers import kept_worlds

    try:
        signal.pause()
    finally:
        for kept in kept_worlds():
            if kept.prefix == world.prefix:
                kept.remove()


def _remove_kept(*, as_json: bool) -> None:
    from gatewright.lab.leftovers import kept_worlds

    found = kept_worlds()
    for world in found:
        world.remove()
    names = [world.prefix for world in found]
    if as_json:
        print_json(json.dumps({"removed": names}))
    elif names:
        console().print(f"removed: {', '.join(names)}")
    else:
        console().print("there is no demonstration standing")


def _refuse(reason: str, *, as_json: bool) -> NoReturn:
    from gatewright.control.models import Problem

    what = "The demonstration cannot be built here."
    fail(Problem(code="missing-privilege", what=what, why=reason), Exit.PRIVILEGE, as_json=as_json)
