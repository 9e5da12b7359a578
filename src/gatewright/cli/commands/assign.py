"""``gatewright assign``: put a policy in force."""

from __future__ import annotations

from gatewright.cli.options import Control, Json, PolicyPath
from gatewright.cli.output import console, explained, print_finding, print_json
from gatewright.cli.policy_file import read_policy
from gatewright.control.paths import DEFAULT_CONTROL


def assign(policy: PolicyPath, control: Control = DEFAULT_CONTROL, as_json: Json = False) -> None:
    """Assign a policy to the running gateway, in place of the one that it has.

    Tunnels that did not change stay up. A policy with an error changes nothing.
    """
    text, filename = read_policy(policy, as_json=as_json)

    from gatewright.control.client import Client

    with explained(as_json=as_json):
        result = Client(control).assign(text, filename)
    if as_json:
        print_json(result.model_dump_json(indent=2))
        return
    out = console()
    out.print(f'The policy "{result.policy.name}" is assigned.', markup=False)
    for line in result.changes or ["Nothing changed."]:
        out.print(f"  {line}", markup=False, soft_wrap=True)
    for notice in result.notices:
        out.print(f"note: {notice}", markup=False, soft_wrap=True)
    for finding in result.findings:
        print_finding(out, finding)
