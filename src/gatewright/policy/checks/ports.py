"""Tunnel filters that select by protocol or port."""

from __future__ import annotations

from collections.abc import Iterable

from gatewright.policy.checks.view import View
from gatewright.policy.compiled import IkeVersion
from gatewright.policy.findings import Finding, error, warning
from gatewright.policy.model import Filter
from gatewright.policy.protocols import protocol_name
from gatewright.policy.reading import shown


def check(view: View) -> Iterable[Finding]:
    for tunnel in view.parts.tunnels:
        one = next((f for f in tunnel.pair.outbound.filters if _narrow(f)), None)
        if one is None:
            continue
        what = f"a filter of tunnel {shown(tunnel.pair.name)} selects {_selected(one)} only"
        instead = "remove `protocol` and the ports; limit what may pass with the packet filter"
        if tunnel.connection.version is IkeVersion.V1:
            yield error(
                "specific-tunnel-filter",
                one.place,
                what,
                "IPsec tunnels do not support protocol-specific or port-specific filters: a "
                "gateway of that time refuses them or protects something else",
                instead,
            )
        else:
            yield warning(
                "specific-tunnel-filter",
                one.place,
                what,
                "everything else between the two networks goes unprotected, or not at all",
                instead,
            )


def _narrow(one: Filter) -> bool:
    return one.protocol != 0 or not (one.source_ports.any and one.destination_ports.any)


def _selected(one: Filter) -> str:
    words = [f"protocol {protocol_name(one.protocol)}"]
    for side, ports in (("source", one.source_ports), ("destination", one.destination_ports)):
        if not ports.any:
            span = f"{ports.first}" if ports.first == ports.last else f"{ports.first}-{ports.last}"
            words.append(f"{side} port {span}")
    return ", ".join(words)
