"""The policies of demo, tests and benchmark, as an administrator writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from gatewright.lab.world import Addresses

TUNNEL = "branch office"
SECRET = "branch-office"  # noqa: S105  its name, not the key


@dataclass(frozen=True, slots=True)
class TunnelText:
    """One tunnel in the policy's short form, seen from ``local``.

    ``networks`` and ``remote_networks``: those of both sides by default.  ``settings``: further
    keys of the tunnel, as YAML text.
    """

    local: Addresses
    remote: Addresses
    local_identity: str = ""
    remote_identity: str = ""
    networks: Sequence[str] = ()
    remote_networks: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    name: str = TUNNEL
    secret: str = SECRET

    def mirrored(self) -> Self:
        """The same tunnel, seen from the other gateway."""
        return replace(
            self,
            local=self.remote,
            remote=self.local,
            local_identity=self.remote_identity,
            remote_identity=self.local_identity,
            networks=self.remote_networks,
            remote_networks=self.networks,
        )

    def __str__(self) -> str:
        sides = (
            ("local: ", self.local, self.local_identity, self.networks),
            ("remote:", self.remote, self.remote_identity, self.remote_networks),
        )
        lines = ["tunnels:", f"  {self.name}:"]
        for key, side, identity, networks in sides:
            who = f", identity: {identity}" if identity else ""
            behind = ", ".join(networks or (side.network,))
            lines.append(
                f"    {key} {{endpoint: {_quoted(side.external)}{who}, networks: [{behind}]}}"
            )
        lines.append(f"    authentication: {{preshared_key: {self.secret}}}")
        lines += [f"    {key}: {value}" for key, value in self.settings.items()]
        return "\n".join(lines) + "\n"


ARTICLE = """\
# The tunnel of a gateway of 2003: two filter lists, two rules, one filter action.
name: IPSec Tunnel with non-Microsoft Gateway
filter_lists:
  NetA to NetB:
    filters:
      - {{source: {net_a}, destination: {net_b}, mirrored: no}}
  NetB to NetA:
    filters:
      - {{source: {net_b}, destination: {net_a}, mirrored: no}}
filter_actions:
  "IPSec tunnel: ESP DES/MD5":
    action: negotiate
    security_methods:
      - {{esp: des-cbc / hmac-md5-96, lifetime: 1h, lifetime_kilobytes: 100000}}
key_exchange:
  default:
    profile: windows-2003
    security_methods: [3des-cbc / hmac-sha1-96 / modp-1024]
rules:
  NetA to NetB:
    filter_list: NetA to NetB
    filter_action: "IPSec tunnel: ESP DES/MD5"
    tunnel_endpoint: {endpoint_b}
    tunnel: {tunnel}
    authentication: {{preshared_key: {secret}}}
    connection_type: all
  NetB to NetA:
    filter_list: NetB to NetA
    filter_action: "IPSec tunnel: ESP DES/MD5"
    tunnel_endpoint: {endpoint_a}
    tunnel: {tunnel}
    authentication: {{preshared_key: {secret}}}
    connection_type: all
"""


def article_policy(local: Addresses, remote: Addresses) -> str:
    """The article's policy in the long form, seen from ``local`` (the article's NetA)."""
    return ARTICLE.format(
        net_a=local.network,
        net_b=remote.network,
        endpoint_a=local.external,
        endpoint_b=remote.external,
        tunnel=TUNNEL,
        secret=SECRET,
    )


def _quoted(address: str) -> str:
    """An IPv6 address within braces would be read as a mapping."""
    return f'"{address}"' if ":" in address else address
