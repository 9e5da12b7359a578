"""``gatewright status``: the policy, its tunnels, their SAs, what was blocked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gatewright.cli.options import Control, Json
from gatewright.cli.output import console, explained, print_json
from gatewright.cli.words import ago, duration, many, octets, remaining
from gatewright.control.paths import DEFAULT_CONTROL

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from gatewright.control.models import DataPlane, Status, Tunnel

_STATES = {"up": "[green]up[/]", "negotiating": "[yellow]negotiating[/]", "down": "down"}
_ROOMY = 100  # columns of a terminal on which every column of the table has its width


def status(control: Control = DEFAULT_CONTROL, as_json: Json = False) -> None:
    """Show every configured tunnel, up or not, with its SAs, counters and last failure."""
    from gatewright.control.client import Client

    with explained(as_json=as_json):
        state = Client(control).status()
    if as_json:
        print_json(state.model_dump_json(indent=2))
        return
    out = console()
    _headline(out, state)
    if state.tunnels:
        out.print(_tunnels(state, out.width))
    _fast_paths(out, state)
    for tunnel in state.tunnels:
        _details(out, tunnel, state)
    _blocked(out, state)
    _drops(out, state)


def _headline(out: Console, state: Status) -> None:
    running = duration((state.now - state.started).total_seconds())
    line = f"Gatewright {state.gateway_version}, running for {running}"
    out.print(f"{line} (pid {state.pid}).", markup=False)
    if state.policy is None:
        out.print("No policy is assigned: nothing is protected, nothing is blocked.")
        return
    when = ago((state.now - state.policy.assigned).total_seconds())
    source = f"{state.policy.source}, assigned {when}"
    out.print(f'Policy "{state.policy.name}" ({source}).', markup=False, soft_wrap=True)
    if state.data_plane is not None:
        features = ", ".join(f"{k} {v}" for k, v in _features(state.data_plane))
        plane = f"Data plane: {state.data_plane.kind} on {state.data_plane.interface}"
        out.print(f"{plane}{f' ({features})' if features else ''}.", markup=False, soft_wrap=True)


def _tunnels(state: Status, width: int) -> Table:
    """Addresses are folded where the terminal is narrow, never cut."""
    from rich.markup import escape
    from rich.table import Table

    roomy = width >= _ROOMY
    gap = 2 if roomy else 1
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    ends = [end for t in state.tunnels for c in t.children for end in (*c.local, *c.remote)]
    least = {
        "STATE": max(len(word) for word in ("STATE", *(t.state for t in state.tunnels))),
        "PEER": min(15, max(len(tunnel.remote) for tunnel in state.tunnels)),
        "PROTECTED": min(20, max(map(len, ends), default=0) + 2),
    }
    for heading in ("TUNNEL", "STATE", "IKE", "PEER", "PROTECTED", "IN", "OUT", "LAST TRAFFIC"):
        justify: Literal["left", "right"] = "right" if heading in ("IN", "OUT") else "left"
        table.add_column(
            heading, justify=justify, overflow="fold", width=None if roomy else least.get(heading)
        )
    for tunnel in state.tunnels:
        sas = [sa for child in tunnel.children for sa in child.sas]
        last = [each for sa in sas for each in (sa.last_in, sa.last_out) if each is not None]
        protected = "\n".join(
            f"{', '.join(child.local)} \N{LEFT RIGHT ARROW} {', '.join(child.remote)}"
            for child in tunnel.children
        )
        table.add_row(
            escape(tunnel.name),
            _STATES[tunnel.state],
            f"v{tunnel.ike_version}",
            tunnel.remote,
            protected,
            octets(sum(sa.bytes_in for sa in sas)),
            octets(sum(sa.bytes_out for sa in sas)),
            ago(min(last) if last else None),
        )
    return table


def _details(out: Console, tunnel: Tunnel, state: Status) -> None:
    for ike in tunnel.ike_sas:
        role = "initiator" if ike.initiator else "responder"
        algorithms = f"{ike.algorithms}, " if ike.algorithms else ""
        nat = "" if ike.nat == "none" else f", NAT: {ike.nat}"
        out.print(
            f"{tunnel.name}: IKE SA {ike.spi_i}/{ike.spi_r} {ike.state} as {role}, "
            f"{algorithms}peer {ike.peer_identity or ike.remote}{nat}, "
            f"{duration(ike.age)} old, rekeyed {remaining(ike.rekey_in)}",
            markup=False,
            soft_wrap=True,
        )
    for child in tunnel.children:
        for sa in child.sas:
            out.print(
                f"{child.name}: ESP SA in {sa.spi_in}, out {sa.spi_out}, {sa.algorithms}, "
                f"{sa.encapsulation}, {many(sa.packets_in, 'packet')} in, "
                f"{many(sa.packets_out, 'packet')} out, rekeyed {remaining(sa.rekey_in)}",
                markup=False,
                soft_wrap=True,
            )
    failure = tunnel.last_failure
    if failure is not None:
        when = ago((state.now - failure.time).total_seconds())
        out.print(f"[red]{failure.mode} failed {when}:[/] ", end="")
        out.print(failure.explanation, markup=False, soft_wrap=True)


def _features(plane: DataPlane) -> list[tuple[str, str]]:
    """What the fast paths do not say in their own lines."""
    told = ("tun_offload", "udp ") if plane.fast_paths else ()
    return [(k, v) for k, v in sorted(plane.features.items()) if not k.startswith(told)]


def _fast_paths(out: Console, state: Status) -> None:
    """Those in use in one line, and each other one with the reason."""
    paths = state.data_plane.fast_paths if state.data_plane else []
    used = dict.fromkeys(path.name for path in paths if path.state == "in-use")
    if used:
        out.print(f"Fast paths in use: {', '.join(used)}.", markup=False, soft_wrap=True)
    unused: dict[tuple[str, str, str, str], list[str]] = {}
    for path in paths:
        if path.state != "in-use":
            key = (path.name, path.saves, path.state, path.why)
            unused.setdefault(key, []).append(path.place)
    for (name, saves, fate, why), places in unused.items():
        line = f"Not in use: {name} ({saves}) on {', '.join(places)}: {why}."
        out.print(line, style="yellow" if fate == "lost" else "", markup=False, soft_wrap=True)


def _blocked(out: Console, state: Status) -> None:
    words = {"out": "leaving", "in": "entering"}
    for each in state.guards:
        if each.packets:
            what = "in clear" if each.action == "protect" else "as the policy says"
            line = (
                f"{many(each.packets, 'packet')} of {each.entry} kept from {words[each.direction]}"
            )
            out.print(f"Guard: {line} {what}.", markup=False, soft_wrap=True)


def _drops(out: Console, state: Status) -> None:
    if state.data_plane is None:
        return
    drops = {k: v for k, v in state.data_plane.counters.items() if k.startswith("drop_") and v}
    for name, count in sorted(drops.items()):
        reason = name.removeprefix("drop_").replace("_", " ")
        out.print(f"Dropped: {many(count, 'packet')}, {reason}.", markup=False)
