"""``gatewright check``: what is wrong or unwise in a policy file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatewright.cli.exits import Exit
from gatewright.cli.options import Json, LocalAddresses, PolicyPath, Resolve, addresses
from gatewright.cli.output import console, print_finding, print_json
from gatewright.cli.policy_file import read_policy, resolver
from gatewright.cli.words import many

if TYPE_CHECKING:
    from gatewright.control.policies import CheckResult
    from gatewright.policy.checks.view import SecretKnowledge

Secrets = Annotated[
    Path | None,
    typer.Option(
        "--secrets",
        metavar="DIR",
        help="Also check that the preshared keys are there: in this directory, in systemd's "
        "credentials or in the environment.",
    ),
]


def check(
    policy: PolicyPath,
    secrets: Secrets = None,
    local: LocalAddresses = None,
    resolve: Resolve = False,
    as_json: Json = False,
) -> None:
    """Check a policy: every mistake with its line, the reason, and what to write instead.

    Needs no running gateway and no privilege. The exit status is 4 if there is an error; warnings
    and notes leave it 0.
    """
    from gatewright.control import policies

    text, _ = read_policy(policy, as_json=as_json)
    own = policies.gateway_addresses(text, str(policy), addresses(local))
    result = policies.check(
        text,
        str(policy),
        addresses=own,
        resolve=resolver(wanted=resolve),
        secrets=_knowledge(secrets),
    )
    if as_json:
        print_json(result.model_dump_json(indent=2))
    else:
        _print(result)
    raise typer.Exit(Exit.DONE if result.ok else Exit.POLICY)


def _knowledge(directory: Path | None) -> SecretKnowledge | None:
    from gatewright.daemon.secrets import SecretStore
    from gatewright.policy.checks.view import SecretKnowledge

    if directory is None:
        return None
    store = SecretStore(directory)
    return SecretKnowledge(store.problem, store.names())


def _print(result: CheckResult) -> None:
    from rich.text import Text

    out = console()
    for finding in result.findings:
        print_finding(out, finding)
    counts = ((result.errors, "error"), (result.warnings, "warning"), (result.notes, "note"))
    found = ", ".join(many(count, noun) for count, noun in counts if count) or "no complaint"
    verdict = "can be assigned" if result.ok else "cannot be assigned"
    colour = "red" if not result.ok else "yellow" if result.warnings else "green"
    out.print(Text(f"{result.file}: {found}; the policy {verdict}", style=colour), soft_wrap=True)
