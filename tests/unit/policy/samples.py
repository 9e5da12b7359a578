"""Policies that the tests begin from, and how they look at what comes out."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.checks.run import check_policy
from gatewright.policy.compile import compile_policy
from gatewright.policy.compiled import CompiledPolicy
from gatewright.policy.findings import Finding, PolicyError
from gatewright.policy.load import load_policy

FILE = "p.yaml"

SHORT = """\
name: joined
tunnels:
  branch office:
    local:  {endpoint: 203.0.113.1, networks: [192.168.10.0/24]}
    remote: {endpoint: 203.0.113.2, networks: [10.20.0.0/24]}
    authentication: {preshared_key: branch-office}
"""

# The article's policy: two unmirrored filter lists, an action, two rules.
LONG = """\
name: IPSec Tunnel with non-Microsoft Gateway
filter_lists:
  NetA to NetB:
    filters:
      - {source: 192.168.10.0/255.255.255.0, destination: 10.20.0.0/24, mirrored: no}
  NetB to NetA:
    filters:
      - {source: 10.20.0.0/24, destination: 192.168.10.0/24, mirrored: no}
filter_actions:
  "IPSec tunnel: ESP DES/MD5":
    action: negotiate
    security_methods:
      - {esp: des-cbc / hmac-md5-96, lifetime: 3600, lifetime_kilobytes: 100000}
key_exchange:
  default: {profile: windows-2003}
rules:
  NetA to NetB:
    filter_list: NetA to NetB
    filter_action: "IPSec tunnel: ESP DES/MD5"
    tunnel_endpoint: 203.0.113.2
    authentication: {preshared_key: branch-office}
  NetB to NetA:
    filter_list: NetB to NetA
    filter_action: "IPSec tunnel: ESP DES/MD5"
    tunnel_endpoint: 203.0.113.1
    authentication: {preshared_key: branch-office}
"""


def short(*extra: str, text: str = SHORT) -> str:
    """The short policy with further keys of the tunnel."""
    return text + "".join(f"    {line}\n" for line in extra)


def tunnel(name: str, local: str, remote: str, *extra: str, peer: str = "203.0.113.2") -> str:
    """One more tunnel of the short form, to append to ``SHORT``."""
    lines = (
        f"  {name}:",
        f"    local:  {{endpoint: 203.0.113.1, networks: [{local}]}}",
        f"    remote: {{endpoint: {peer}, networks: [{remote}]}}",
        f"    authentication: {{preshared_key: {name}}}",
        *(f"    {line}" for line in extra),
    )
    return "\n".join(lines) + "\n"


def edited(text: str, *changes: tuple[str, str]) -> str:
    """The text with each change made; each must apply exactly once."""
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        text = text.replace(old, new)
    return text


def addresses(*texts: str) -> list[IPAddress]:
    return [ip_address(text) for text in texts]


def compiled(text: str, *local: str) -> CompiledPolicy:
    return compile_policy(load_policy(text, FILE), addresses(*local))


def without_places(policy: CompiledPolicy) -> CompiledPolicy:
    """To compare policies from different files."""
    connections = tuple(replace(one, source="") for one in policy.connections)
    return replace(policy, connections=connections, source="")


def refused(text: str, *local: str) -> tuple[Finding, ...]:
    """The errors with which a text is refused, in loading or in compiling."""
    with pytest.raises(PolicyError) as caught:
        compiled(text, *local)
    return caught.value.findings


def refusal(text: str, *local: str) -> Finding:
    """The one error with which a text is refused."""
    findings = refused(text, *local)
    assert len(findings) == 1, "\n".join(map(str, findings))
    return findings[0]


def found(text: str, *local: str) -> tuple[Finding, ...]:
    return check_policy(load_policy(text, FILE), addresses(*local))


def one(findings: tuple[Finding, ...], code: str) -> Finding:
    """The one finding of this code."""
    matching = [finding for finding in findings if finding.code == code]
    assert len(matching) == 1, "\n".join(map(str, findings))
    return matching[0]


def codes(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.code for finding in findings}


def line_of(text: str, part: str) -> int:
    """The number of the one line that has this part."""
    numbers = [n for n, line in enumerate(text.splitlines(), start=1) if part in line]
    assert len(numbers) == 1, f"{part!r} stands on lines {numbers}"
    return numbers[0]
