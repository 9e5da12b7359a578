"""Settings that the short and the long form share: profile and version, algorithms, DPD, keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gatewright.policy import values
from gatewright.policy.algorithm_text import parse_esp, parse_ike
from gatewright.policy.compiled import IkeVersion
from gatewright.policy.model import EspMethod, IkeMethod
from gatewright.policy.profiles import DEFAULT_VERSION, Profile, ProfileName, find_profile
from gatewright.policy.reading import InvalidValueError, Report, Section, items
from gatewright.policy.yaml_tree import Mapping, Node, Scalar

MAX_LIFETIME = 0x7FFFFFFF
MAX_COMBINATIONS = 64  # as separate offers they still fit one IKE message

DPD_DELAY = 30
DPD_TIMEOUT = 150

_VERSIONS = {"1": IkeVersion.V1, "2": IkeVersion.V2}


@dataclass(frozen=True, slots=True)
class Base:
    """What a section starts from: a profile in one version of IKE."""

    name: ProfileName
    version: IkeVersion
    profile: Profile


def version(node: Node) -> IkeVersion:
    return values.one_of(_VERSIONS, node)


def base(section: Section) -> Base:
    """From the keys `profile` and `ike_version`."""
    name = section.optional("profile", values.choice(ProfileName), ProfileName.MODERN)
    wanted = section.optional("ike_version", version, DEFAULT_VERSION[name])
    profile = find_profile(name, wanted)
    if profile is None:
        section.refuse(
            "ike_version",
            InvalidValueError(
                f"the profile {name.value} has no IKEv{wanted.value}",
                "gateways of 2003 speak IKEv1 only",
                "remove `ike_version`, or take the profile `modern`",
            ),
            section.place_of("ike_version"),
        )
        return base_of(name)
    return Base(name, wanted, profile)


def base_of(name: ProfileName) -> Base:
    """The profile in its own version."""
    own = DEFAULT_VERSION[name]
    profile = find_profile(name, own)
    assert profile is not None, "each profile exists in its default version"
    return Base(name, own, profile)


def lifetime(node: Node) -> int:
    seconds = values.duration(node)
    if not 1 <= seconds <= MAX_LIFETIME:
        raise InvalidValueError(
            f"{seconds} s is no lifetime",
            "keys live at least a second, and not for ever",
            "write for example `8h` for IKE or `1h` for ESP",
        )
    return seconds


def ike_methods(node: Node) -> tuple[IkeMethod, ...]:
    methods = items(node, lambda item: parse_ike(values.scalar(item), item.place))
    total = sum(
        len(m.ciphers) * max(1, len(m.integrities)) * len(m.prfs) * len(m.groups) for m in methods
    )
    _check_combinations(total)
    return methods


def esp_methods(
    report: Report, *, lifetime_seconds: int, lifetime_kilobytes: int, esn: bool
) -> Callable[[Node], tuple[EspMethod, ...]]:
    """Lines of algorithms, or mappings with the algorithms under `esp` and lifetimes beside."""

    def one(node: Node) -> EspMethod:
        if isinstance(node, Mapping):
            section = Section(report, node, "security method", "the security method")
            stand_in = parse_esp("aes-128-gcm", node.place)
            seconds = section.optional("lifetime", lifetime, lifetime_seconds)
            limit = section.optional("lifetime_kilobytes", values.kilobytes, lifetime_kilobytes)
            offer_esn = section.optional("esn", values.boolean, esn)

            def algorithms(value: Node) -> EspMethod:
                return parse_esp(
                    values.scalar(value),
                    value.place,
                    esn=offer_esn,
                    lifetime=seconds,
                    lifetime_kilobytes=limit,
                )

            return section.required("esp", algorithms, stand_in)
        return parse_esp(
            values.scalar(node),
            node.place,
            esn=esn,
            lifetime=lifetime_seconds,
            lifetime_kilobytes=lifetime_kilobytes,
        )

    def every(node: Node) -> tuple[EspMethod, ...]:
        methods = items(node, one)
        total = sum(
            len(m.ciphers) * max(1, len(m.integrities)) * max(1, len(m.groups)) for m in methods
        )
        _check_combinations(total)
        return methods

    return every


def _check_combinations(total: int) -> None:
    if total > MAX_COMBINATIONS:
        raise InvalidValueError(
            f"the algorithms make {total} combinations",
            f"more than {MAX_COMBINATIONS} do not fit one IKE message",
            "name fewer alternatives",
        )


def dpd(report: Report, title: str) -> Callable[[Node], tuple[int, int]]:
    """Delay and timeout in seconds; delay 0 for `off`."""

    def convert(node: Node) -> tuple[int, int]:
        if isinstance(node, Scalar):
            if values.scalar(node).lower() in ("off", "no"):
                return 0, DPD_TIMEOUT
            raise InvalidValueError(
                "dead peer detection is off, or has a delay and a timeout",
                "",
                "write `off`, or `{delay: 30s, timeout: 150s}`",
            )
        section = Section(report, node, "dpd", f"`dpd` of {title}")
        delay = section.optional("delay", _dpd_delay, DPD_DELAY)
        timeout = section.optional("timeout", lifetime, max(DPD_TIMEOUT, 5 * delay))
        if timeout <= delay:
            raise InvalidValueError(
                f"the timeout of {timeout} s is not longer than the delay of {delay} s",
                "the peer would be given up before it was asked",
                "write a timeout of several delays",
            )
        return delay, timeout

    return convert


def _dpd_delay(node: Node) -> int:
    if values.duration(node) == 0:
        raise InvalidValueError(
            "a delay of 0 s would ask the peer all the time",
            "dead peer detection asks after so many seconds of silence",
            "write `dpd: off` to have none, or for example `{delay: 30s}`",
        )
    return lifetime(node)


def preshared_key(report: Report, title: str) -> Callable[[Node], str]:
    """The name of the key from `{preshared_key: NAME}`, or a list with one such entry."""

    def one(node: Node) -> str:
        if isinstance(node, Mapping):
            for key, _ in node.entries:
                _check_method(key)
        section = Section(report, node, "authentication", f"`authentication` of {title}")
        return section.required("preshared_key", values.secret_name, "stand-in")

    def convert(node: Node) -> str:
        names = items(node, one)
        if len(names) > 1:
            raise InvalidValueError(
                "more than one authentication method",
                "preshared keys are tried with one key for each pair of gateways",
                "keep one `preshared_key`",
            )
        return names[0]

    return convert


def _check_method(key: Scalar) -> None:
    word = key.text.lower()
    if word in ("certificate", "certificates", "rootca", "kerberos", "rsa", "eap", "pubkey"):
        raise InvalidValueError(
            f"{word} is an authentication method that Gatewright does not have",
            "this version authenticates gateways by preshared key",
            "write `preshared_key: NAME`",
            key.place,
        )
