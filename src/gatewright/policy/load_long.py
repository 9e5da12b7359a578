"""The long form: sections under `filter_lists`, `filter_actions`, `key_exchange` and `rules`."""

from __future__ import annotations

from dataclasses import replace

from gatewright.policy import load_settings as settings
from gatewright.policy import values
from gatewright.policy.compiled import ConnectionType, NatTraversal, StartMode
from gatewright.policy.model import (
    ANY_PORTS,
    ActionKind,
    AddressKind,
    AddressSpec,
    Direction,
    EspMethod,
    Filter,
    FilterAction,
    FilterList,
    KeyExchange,
    Rule,
)
from gatewright.policy.profiles import ProfileName
from gatewright.policy.protocols import WITH_PORTS
from gatewright.policy.reading import InvalidValueError, Report, Section, items
from gatewright.policy.yaml_tree import Mapping, Node, Scalar

_STAND_IN = AddressSpec(AddressKind.ANY)


def load_filter_list(report: Report, name: Scalar, section: Section) -> FilterList:
    title = f"filter list `{name.text}`"

    def one(node: Node) -> Filter:
        if not isinstance(node, Mapping):
            raise InvalidValueError(
                "a filter is a mapping", "", "write `{source: NETWORK, destination: NETWORK}`"
            )
        return _filter(report, node, title)

    return FilterList(
        name=name.text,
        filters=section.required("filters", lambda node: items(node, one), ()),
        description=section.optional("description", values.text, ""),
        place=name.place,
    )


def _filter(report: Report, node: Node, title: str) -> Filter:
    section = Section(report, node, "filter", f"the filter of {title}")
    protocol = section.optional("protocol", values.protocol, 0)
    source_ports = section.optional("source_port", values.ports, ANY_PORTS)
    destination_ports = section.optional("destination_port", values.ports, ANY_PORTS)
    if protocol not in WITH_PORTS and not (source_ports.any and destination_ports.any):
        key = "destination_port" if source_ports.any else "source_port"
        section.refuse(
            key,
            InvalidValueError(
                "a port without a protocol that has ports",
                "only tcp, udp and sctp packets have ports",
                "add `protocol: tcp` or `protocol: udp`",
            ),
            section.place_of(key),
        )
    return Filter(
        source=section.required("source", values.network, _STAND_IN),
        destination=section.required("destination", values.network, _STAND_IN),
        protocol=protocol,
        source_ports=source_ports,
        destination_ports=destination_ports,
        mirrored=section.optional("mirrored", values.boolean, True),
        description=section.optional("description", values.text, ""),
        place=section.place,
    )


def load_filter_action(report: Report, name: Scalar, section: Section) -> FilterAction:
    title = f"filter action `{name.text}`"
    kind = section.required("action", values.choice(ActionKind), ActionKind.NEGOTIATE)
    description = section.optional("description", values.text, "")
    if kind is not ActionKind.NEGOTIATE:
        for key in ("profile", "security_methods", "session_key_pfs", "accept_unsecured"):
            _refuse_without_negotiation(section, key, kind)
        _refuse_without_negotiation(section, "allow_fallback", kind)
        return FilterAction(name.text, kind, description=description, place=name.place)
    profile_name = section.optional("profile", values.choice(ProfileName), ProfileName.MODERN)
    profile = settings.base_of(profile_name).profile
    convert = settings.esp_methods(
        report,
        lifetime_seconds=profile.esp_lifetime,
        lifetime_kilobytes=profile.esp_kilobytes,
        esn=profile.esn,
    )
    methods = section.optional("security_methods", convert, profile.esp_methods(name.place))
    pfs = section.optional("session_key_pfs", values.boolean, None)
    return FilterAction(
        name=name.text,
        kind=kind,
        methods=_with_pfs(section, title, methods, pfs),
        pfs_of_key_exchange=pfs is True and not any(method.groups for method in methods),
        accept_unsecured=section.optional("accept_unsecured", values.boolean, False),
        allow_fallback=section.optional("allow_fallback", values.boolean, False),
        description=description,
        profile="" if "security_methods" in section else profile_name.value,
        place=name.place,
    )


def _refuse_without_negotiation(section: Section, key: str, kind: ActionKind) -> None:
    if key in section:
        problem = InvalidValueError(
            f"an action that is to {kind.value} negotiates nothing",
            f"`{key}` speaks of the negotiation of security",
            f"remove `{key}`, or write `action: negotiate`",
        )
        section.refuse(key, problem, section.place_of(key))


def _with_pfs(
    section: Section, title: str, methods: tuple[EspMethod, ...], pfs: bool | None
) -> tuple[EspMethod, ...]:
    named = [method for method in methods if method.groups]
    if pfs is False and named and "security_methods" in section:
        problem = InvalidValueError(
            f"`session_key_pfs: no`, but a security method of {title} names a group",
            "a group in a security method asks for perfect forward secrecy",
            "remove the group, or `session_key_pfs`",
        )
        section.refuse("session_key_pfs", problem, section.place_of("session_key_pfs"))
    if pfs is False:
        return tuple(replace(method, groups=()) for method in methods)
    return methods


def load_key_exchange(report: Report, name: Scalar, section: Section) -> KeyExchange:
    title = f"key exchange `{name.text}`"
    base = settings.base(section)
    delay, timeout = section.optional(
        "dpd", settings.dpd(report, title), (settings.DPD_DELAY, settings.DPD_TIMEOUT)
    )
    quick_modes = section.optional("quick_modes", values.integer(0, 1_000_000), 0)
    if section.optional("master_key_pfs", values.boolean, False):
        if "quick_modes" in section and quick_modes != 1:
            problem = InvalidValueError(
                f"`master_key_pfs` with `quick_modes: {quick_modes}`",
                "master key perfect forward secrecy means one child SA for each IKE SA",
                "remove `quick_modes`, or write 1",
            )
            section.refuse("quick_modes", problem, section.place_of("quick_modes"))
        quick_modes = 1
    return KeyExchange(
        name=name.text,
        version=base.version,
        methods=section.optional(
            "security_methods", settings.ike_methods, base.profile.ike_methods(name.place)
        ),
        lifetime=section.optional("lifetime", settings.lifetime, base.profile.ike_lifetime),
        child_limit=quick_modes,
        dpd_delay=delay,
        dpd_timeout=timeout,
        nat_traversal=section.optional(
            "nat_traversal", values.choice(NatTraversal), NatTraversal.AUTO
        ),
        profile="" if "security_methods" in section else base.name.value,
        place=name.place,
    )


def load_rule(report: Report, name: Scalar, section: Section) -> Rule:
    title = f"rule `{name.text}`"
    return Rule(
        name=name.text,
        filter_list=section.required("filter_list", values.scalar, ""),
        filter_action=section.required("filter_action", values.scalar, ""),
        secret=section.optional("authentication", settings.preshared_key(report, title), ""),
        endpoint=section.optional("tunnel_endpoint", values.endpoint, None),
        endpoint_identity=section.optional("endpoint_identity", values.identity, None),
        connection_type=section.optional(
            "connection_type", values.choice(ConnectionType), ConnectionType.ALL
        ),
        enabled=section.optional("enabled", values.boolean, True),
        key_exchange=section.optional("key_exchange", values.scalar, ""),
        tunnel=section.optional("tunnel", values.name, ""),
        direction=section.optional("direction", values.choice(Direction), None),
        start=section.optional("start", values.choice(StartMode), StartMode.ON_DEMAND),
        description=section.optional("description", values.text, ""),
        place=name.place,
    )
