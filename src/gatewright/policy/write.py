"""The long form as YAML, which ``load_policy`` reads as the same policy."""

from __future__ import annotations

from io import StringIO

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from gatewright.policy.addresses import format_address
from gatewright.policy.algorithm_text import format_esp, format_ike
from gatewright.policy.compiled import ConnectionType, Engine, StartMode
from gatewright.policy.model import (
    ActionKind,
    EspMethod,
    Filter,
    FilterAction,
    FilterList,
    Interfaces,
    KeyExchange,
    Policy,
    Ports,
    Rule,
)
from gatewright.policy.protocols import protocol_name

_NO_FOLDING = 1_000_000


def write_long_form(policy: Policy) -> str:
    """A policy without short-form tunnels (see ``expand``) as the text of a policy file."""
    assert not policy.tunnels, "tunnels of the short form are expanded first"
    document: dict[str, object] = {"name": policy.name}
    if policy.description:
        document["description"] = policy.description
    interfaces = _interfaces(policy.interfaces)
    if interfaces:
        document["interfaces"] = interfaces
    if policy.engine is not Engine.USER_SPACE:
        document["engine"] = policy.engine.value
    sections = {
        "filter_lists": {one.name: _filter_list(one) for one in policy.filter_lists},
        "filter_actions": {one.name: _filter_action(one) for one in policy.filter_actions},
        "key_exchange": {one.name: _key_exchange(one) for one in policy.key_exchanges},
        "rules": {one.name: _rule(one) for one in policy.rules},
    }
    document.update({key: section for key, section in sections.items() if section})
    yaml = YAML(typ="rt", pure=True)
    yaml.width = _NO_FOLDING
    yaml.default_flow_style = False
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def format_duration(seconds: int) -> str:
    """``8h``, ``1h30m``, ``45s``: what ``values.duration`` reads as this number."""
    parts = []
    for size, unit in ((3600, "h"), (60, "m"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def yes_no(value: bool) -> str:
    return "yes" if value else "no"


def _interfaces(interfaces: Interfaces) -> dict[str, str]:
    named = {"internal": interfaces.internal, "external": interfaces.external}
    return {key: name for key, name in named.items() if name is not None}


def _filter_list(one: FilterList) -> dict[str, object]:
    section: dict[str, object] = {"description": one.description} if one.description else {}
    section["filters"] = [_filter(each) for each in one.filters]
    return section


def _filter(one: Filter) -> CommentedMap:
    section = _in_one_line(
        source=format_address(one.source),
        destination=format_address(one.destination),
        protocol=protocol_name(one.protocol),
    )
    if not one.source_ports.any:
        section["source_port"] = _ports(one.source_ports)
    if not one.destination_ports.any:
        section["destination_port"] = _ports(one.destination_ports)
    section["mirrored"] = yes_no(one.mirrored)
    if one.description:
        section["description"] = one.description
    return section


def _in_one_line(**values: str) -> CommentedMap:
    """A mapping that is written in braces."""
    section = CommentedMap(values)
    section.fa.set_flow_style()
    return section


def _ports(ports: Ports) -> str | int:
    return ports.first if ports.first == ports.last else f"{ports.first}-{ports.last}"


def _filter_action(one: FilterAction) -> dict[str, object]:
    section: dict[str, object] = {"description": one.description} if one.description else {}
    section["action"] = one.kind.value
    if one.kind is not ActionKind.NEGOTIATE:
        return section
    section["security_methods"] = [_esp_method(method) for method in one.methods]
    pfs = one.pfs_of_key_exchange or any(method.groups for method in one.methods)
    section["session_key_pfs"] = yes_no(pfs)
    section["accept_unsecured"] = yes_no(one.accept_unsecured)
    section["allow_fallback"] = yes_no(one.allow_fallback)
    return section


def _esp_method(method: EspMethod) -> dict[str, object]:
    return {
        "esp": format_esp(method),
        "lifetime": format_duration(method.lifetime),
        "lifetime_kilobytes": method.lifetime_kilobytes,
        "esn": yes_no(method.esn),
    }


def _key_exchange(one: KeyExchange) -> dict[str, object]:
    dead_peer: str | CommentedMap = "off"
    if one.dpd_delay:
        dead_peer = _in_one_line(
            delay=format_duration(one.dpd_delay), timeout=format_duration(one.dpd_timeout)
        )
    return {
        "ike_version": one.version.value,
        "security_methods": [format_ike(method) for method in one.methods],
        "lifetime": format_duration(one.lifetime),
        "quick_modes": one.child_limit,
        "dpd": dead_peer,
        "nat_traversal": one.nat_traversal.value,
    }


def _rule(one: Rule) -> dict[str, object]:
    section: dict[str, object] = {"description": one.description} if one.description else {}
    if one.tunnel:
        section["tunnel"] = one.tunnel
    if one.direction is not None:
        section["direction"] = one.direction.value
    section["filter_list"] = one.filter_list
    section["filter_action"] = one.filter_action
    if one.key_exchange:
        section["key_exchange"] = one.key_exchange
    if one.endpoint is not None:
        section["tunnel_endpoint"] = str(one.endpoint)
    if one.endpoint_identity is not None:
        section["endpoint_identity"] = str(one.endpoint_identity)
    if one.secret:
        section["authentication"] = _in_one_line(preshared_key=one.secret)
    if one.connection_type is not ConnectionType.ALL or one.endpoint is not None:
        section["connection_type"] = one.connection_type.value
    if one.start is not StartMode.ON_DEMAND:
        section["start"] = one.start.value
    if not one.enabled:
        section["enabled"] = "no"
    return section
