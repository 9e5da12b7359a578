"""The short form: a section under `tunnels` to a ``Tunnel``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address

from gatewright.iana.algorithms import Group
from gatewright.policy import load_settings as settings
from gatewright.policy import values
from gatewright.policy.algorithm_text import parse_groups
from gatewright.policy.compiled import ConnectionType, IkeVersion, NatTraversal, StartMode
from gatewright.policy.model import (
    ActionKind,
    AddressSpec,
    Endpoint,
    EspMethod,
    FilterAction,
    IkeMethod,
    KeyExchange,
    Side,
    Tunnel,
)
from gatewright.policy.reading import InvalidValueError, Report, Section, items
from gatewright.policy.yaml_tree import Node, Scalar

_STAND_IN = Endpoint(IPv4Address("192.0.2.0"))


def load_tunnel(report: Report, name: Scalar, section: Section) -> Tunnel:
    title = f"tunnel `{name.text}`"
    base = settings.base(section)
    key_exchange, action = _protection(report, name, section, base)
    return Tunnel(
        name=name.text,
        local=_side(report, section, "local", title),
        remote=_side(report, section, "remote", title),
        secret=section.required("authentication", settings.preshared_key(report, title), ""),
        key_exchange=key_exchange,
        filter_action=action,
        start=section.optional("start", values.choice(StartMode), StartMode.ON_DEMAND),
        connection_type=section.optional(
            "connection_type", values.choice(ConnectionType), ConnectionType.ALL
        ),
        enabled=section.optional("enabled", values.boolean, True),
        description=section.optional("description", values.text, ""),
        place=name.place,
    )


def _side(report: Report, section: Section, key: str, title: str) -> Side:
    stand_in = Side(_STAND_IN, ())

    def convert(node: Node) -> Side:
        side = Section(report, node, "side", f"`{key}` of {title}")
        return Side(
            endpoint=side.required("endpoint", values.endpoint, _STAND_IN),
            networks=side.required("networks", _networks, ()),
            identity=side.optional("identity", values.identity, None),
            place=node.place,
        )

    return section.required(key, convert, stand_in)


def _networks(node: Node) -> tuple[AddressSpec, ...]:
    networks = items(node, values.network)
    if len(set(networks)) < len(networks):
        raise InvalidValueError("a network stands twice in the list", "", "remove one of them")
    return networks


def _protection(
    report: Report, name: Scalar, section: Section, base: settings.Base
) -> tuple[KeyExchange, FilterAction]:
    title = f"tunnel `{name.text}`"
    lifetimes = _subsection(report, section, "lifetimes", title)
    algorithms = _subsection(report, section, "algorithms", title)
    profile = base.profile

    methods = profile.ike_methods(name.place)
    ike_lifetime = profile.ike_lifetime
    esp_lifetime, esp_kilobytes = profile.esp_lifetime, profile.esp_kilobytes
    if lifetimes is not None:
        ike_lifetime = lifetimes.optional("ike", settings.lifetime, ike_lifetime)
        esp_lifetime = lifetimes.optional("esp", settings.lifetime, esp_lifetime)
        esp_kilobytes = lifetimes.optional("esp_kilobytes", values.kilobytes, esp_kilobytes)
    esn = section.optional("esn", _esn(base.version), profile.esn)
    esp = tuple(
        replace(method, lifetime=esp_lifetime, lifetime_kilobytes=esp_kilobytes, esn=esn)
        for method in profile.esp_methods(name.place)
    )
    if algorithms is not None:
        methods = algorithms.optional("ike", settings.ike_methods, methods)
        convert = settings.esp_methods(
            report, lifetime_seconds=esp_lifetime, lifetime_kilobytes=esp_kilobytes, esn=esn
        )
        esp = algorithms.optional("esp", convert, esp)
    written_out = algorithms is not None and "esp" in algorithms
    groups = _groups_for_pfs(base, methods, algorithms is not None and "ike" in algorithms)
    esp = section.optional("pfs", _pfs(esp, groups, written_out), esp)
    delay, timeout = section.optional(
        "dpd", settings.dpd(report, title), (settings.DPD_DELAY, settings.DPD_TIMEOUT)
    )
    key_exchange = KeyExchange(
        name=name.text,
        version=base.version,
        methods=methods,
        lifetime=ike_lifetime,
        child_limit=int(section.optional("master_key_pfs", values.boolean, False)),
        dpd_delay=delay,
        dpd_timeout=timeout,
        nat_traversal=section.optional(
            "nat_traversal", values.choice(NatTraversal), NatTraversal.AUTO
        ),
        profile=base.name.value,
        place=section.place_of("algorithms" if algorithms is not None else "profile"),
    )
    action = FilterAction(
        name=name.text,
        kind=ActionKind.NEGOTIATE,
        methods=esp,
        profile=base.name.value,
        place=key_exchange.place,
    )
    return key_exchange, action


def _subsection(report: Report, section: Section, key: str, title: str) -> Section | None:
    node = section.node(key)
    return None if node is None else Section(report, node, key, f"`{key}` of {title}")


def _esn(version: IkeVersion) -> Callable[[Node], bool]:
    def convert(node: Node) -> bool:
        wanted = values.boolean(node)
        if wanted and version is IkeVersion.V1:
            raise InvalidValueError(
                "extended sequence numbers with IKEv1",
                "Gatewright negotiates them with IKEv2 only",
                "remove `esn`, or write `ike_version: 2`",
            )
        return wanted

    return convert


def _groups_for_pfs(
    base: settings.Base, methods: tuple[IkeMethod, ...], written_out: bool
) -> tuple[Group, ...]:
    """What `pfs: yes` means: the groups of the key exchange where they were written out."""
    if not written_out:
        return parse_groups(base.profile.pfs_groups)
    groups = tuple(dict.fromkeys(group for method in methods for group in method.groups))
    # Quick mode has one key exchange, hence one group for all its offers (RFC 2409 section 5.5).
    return groups[:1] if base.version is IkeVersion.V1 else groups


def _pfs(
    esp: tuple[EspMethod, ...], groups: tuple[Group, ...], written_out: bool
) -> Callable[[Node], tuple[EspMethod, ...]]:
    """The security methods with the groups that the key `pfs` asks for."""

    def convert(node: Node) -> tuple[EspMethod, ...]:
        word = values.scalar(node).lower() if isinstance(node, Scalar) else ""
        if written_out and any(method.groups for method in esp):
            raise InvalidValueError(
                "`pfs` stands beside ESP algorithms that name a group",
                "it is unclear which groups count",
                "remove `pfs`: a group in the line asks for perfect forward secrecy",
            )
        if word in ("no", "false", "off"):
            wanted: tuple[Group, ...] = ()
        elif word in ("yes", "true", "on"):
            wanted = groups
        else:
            lists = items(node, lambda item: parse_groups(values.scalar(item)))
            wanted = tuple(dict.fromkeys(group for one in lists for group in one))
        return tuple(replace(method, groups=wanted) for method in esp)

    return convert
