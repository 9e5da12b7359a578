"""``gatewright show``: what a policy file stands for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from gatewright.cli.exits import Exit
from gatewright.cli.options import Json, LocalAddresses, PolicyPath, Resolve, addresses
from gatewright.cli.output import console, fail, print_json
from gatewright.cli.policy_file import read_policy, resolver
from gatewright.cli.words import duration

if TYPE_CHECKING:
    from gatewright.control.policies import ShownConnection, ShownPolicy


def show(
    policy: PolicyPath,
    expanded: Annotated[
        bool, typer.Option("--expanded", help="Print the long form, as a policy file.")
    ] = False,
    spd: Annotated[
        bool, typer.Option("--spd", help="Print the security policy database, in its order.")
    ] = False,
    local: LocalAddresses = None,
    resolve: Resolve = False,
    as_json: Json = False,
) -> None:
    """Show what a policy stands for: its tunnels, its long form, or the database it compiles to."""
    from gatewright.control import policies

    if expanded and spd:
        raise typer.BadParameter("--expanded prints a policy file, and --spd a database: take one")
    text, _ = read_policy(policy, as_json=as_json)
    try:
        if expanded:
            long_form = policies.expanded(text, str(policy))
            if as_json:
                print_json(json.dumps({"file": str(policy), "expanded": long_form}, indent=2))
            else:
                typer.echo(long_form, nl=False)
            return
        own = policies.gateway_addresses(text, str(policy), addresses(local))
        result = policies.shown(text, str(policy), addresses=own, resolve=resolver(wanted=resolve))
    except policies.PolicyRefusedError as refused:
        fail(refused.problem, Exit.POLICY, as_json=as_json)
    if as_json:
        print_json(result.model_dump_json(indent=2))
    elif spd:
        _print_spd(result)
    else:
        _print_connections(result)


def _print_spd(policy: ShownPolicy) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "Action", "Local", "Remote", "Name", "Number"):
        table.add_column(heading, overflow="fold")
    for position, entry in enumerate(policy.spd, start=1):
        cells = (entry.action, "\n".join(entry.local), "\n".join(entry.remote), entry.name)
        table.add_row(str(position), *map(Text, cells), str(entry.id))
    console().print(table)


def _print_connections(policy: ShownPolicy) -> None:
    from rich.text import Text

    out = console()
    out.print(Text(policy.name, style="bold"), soft_wrap=True)
    for connection in policy.connections:
        out.print()
        title = Text.assemble((connection.name, "bold green"), f"  {connection.source}")
        out.print(title, soft_wrap=True)
        for label, value in _lines(connection):
            out.print(Text.assemble((f"  {label:<16}", "dim"), value), soft_wrap=True)
    for entry in policy.spd:
        if entry.action != "protect":
            selected = f"{', '.join(entry.local)} to {', '.join(entry.remote)}"
            out.print(Text(f"\n{entry.action}: {selected} ({entry.name})"), soft_wrap=True)


def _lines(one: ShownConnection) -> list[tuple[str, str]]:
    lines = [
        ("gateways", f"{one.local} to {one.remote}"),
        ("identities", f"{one.local_identity} and {one.remote_identity}"),
        ("authentication", f"preshared key {one.preshared_key}"),
        (
            "key exchange",
            f"IKEv{one.ike_version}: {_first(one.ike)}; {duration(one.lifetime_seconds)}",
        ),
    ]
    for child in one.children:
        limit = f", {child.lifetime_kilobytes} KB" if child.lifetime_kilobytes else ""
        life = f"{duration(child.lifetime_seconds)}{limit}"
        lines += [
            ("networks", f"{', '.join(child.local)} to {', '.join(child.remote)}"),
            ("ESP", f"{_first(child.esp)}; {life}; {child.start}"),
        ]
    return lines


def _first(methods: list[str]) -> str:
    """The preferred one, and how many stand behind it."""
    more = len(methods) - 1
    return f"{methods[0]} (or {more} more)" if more else methods[0]
