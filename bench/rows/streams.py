"""One TCP stream through both gateways: every encapsulation, cipher and rival in one series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.claims import Claim
from bench.paths.catalogue import (
    BORINGTUN,
    CARD,
    CBC,
    CHACHA,
    FORWARDING,
    GCM,
    GCM_256,
    PACKET_BY_PACKET,
    PROTOCOL_50,
    STRONGSWAN,
    TRIPLE_DES,
    WIREGUARD_GO,
)
from bench.paths.path import Beside, Kind
from bench.result import Result, Table
from bench.rows.ciphers import cipher_claims, measure_ciphers
from bench.series import Series, measure
from bench.setting import Setting
from bench.statistics import median_or_none, paired_ratio

TITLE = "One TCP stream from hostA to hostB"
NO_PROTOCOL_50 = "Debian 12's strongSwan (5.9.8) sends no protocol 50 from user space"
# strongSwan 6.0 built by hand, recorded on a machine of this kind: Mbit/s, and forwarding's then.
RECORDED_STRONGSWAN, RECORDED_FORWARDING = 225.0, 15_000.0


@dataclass(frozen=True, slots=True)
class Part:
    """A line of the targets that is measured with one TCP stream, and the paths it needs."""

    kinds: Sequence[Kind | Beside]
    claims: Callable[[Series, Setting], list[Claim]]


def udp_claims(series: Series, setting: Setting) -> list[Claim]:
    work = "TCP stream, UDP 4500"
    ours = GCM.name
    forwarding = median_or_none(series.relative(ours))
    return [
        Claim(work, "of forwarding with offload", forwarding, floor=0.40, aim=0.55),
        *(
            Claim(
                work,
                f"over {rival.name}",
                series.ratio(ours, rival.name),
                floor=floor,
                note=setting.absent.get(rival.name, ""),
            )
            for rival, floor in ((STRONGSWAN, 9.0), (WIREGUARD_GO, 1.0), (BORINGTUN, 1.0))
        ),
    ]


def card_claims(series: Series, _: Setting) -> list[Claim]:
    value = median_or_none(series.relative(CARD.name))
    work = "TCP stream, link like a network card"
    return [Claim(work, "of forwarding with offload", value, floor=0.28, aim=0.38)]


def esp_claims(series: Series, _: Setting) -> list[Claim]:
    work = "TCP stream, protocol 50"
    single = series.ratio(PROTOCOL_50.name, PACKET_BY_PACKET.name)
    note = NO_PROTOCOL_50
    if (relative := median_or_none(series.relative(PROTOCOL_50.name))) is not None:
        recorded = RECORDED_STRONGSWAN / RECORDED_FORWARDING
        note += (
            f"; beside what 6.0 once reached of forwarding ({recorded:.3f}), not measured here,"
            f" this is {relative / recorded:.1f} times as much"
        )
    return [
        Claim(work, "of forwarding packet by packet", single, floor=0.65, aim=0.9),
        Claim(work, "over strongSwan, protocol 50", None, floor=6.0, note=note),
    ]


def cpu_claims(series: Series, setting: Setting) -> list[Claim]:
    """Below strongSwan's by as much as the throughput is above."""
    ours, theirs = GCM.name, STRONGSWAN.name
    return [
        Claim(
            "CPU seconds a gigabyte",
            "strongSwan's over ours",
            paired_ratio(series.machine(theirs), series.machine(ours)),
            floor=series.ratio(ours, theirs),
            note=setting.absent.get(theirs, ""),
        )
    ]


def cipher_part(series: Series, _: Setting) -> list[Claim]:
    # Both go through the same gateways, one right after the other: to hold each against the
    # forwarding around it would add what that varies by, and take nothing away.
    value = paired_ratio(series.rates(GCM_256.name), series.rates(GCM.name))
    return [Claim("TCP stream, AES-256-GCM", "of AES-128-GCM", value, floor=0.9)]


PARTS = {
    "stream": Part((STRONGSWAN, WIREGUARD_GO, BORINGTUN, GCM), udp_claims),
    "card": Part((CARD,), card_claims),
    "esp": Part((PACKET_BY_PACKET, PROTOCOL_50), esp_claims),
    "ciphers": Part((GCM, GCM_256, CHACHA, CBC, TRIPLE_DES), cipher_part),
    "cpu": Part((STRONGSWAN, GCM), cpu_claims),
}
ORDER = (
    PACKET_BY_PACKET, STRONGSWAN, WIREGUARD_GO, BORINGTUN,
    GCM, GCM_256, CHACHA, CBC, TRIPLE_DES, CARD, PROTOCOL_50,
)  # fmt: skip


def run(setting: Setting, names: Sequence[str]) -> Result:
    """The parts of these names, in one series."""
    parts = {name: PARTS[name] for name in PARTS if name in names}
    wanted = {kind.name for part in parts.values() for kind in part.kinds}
    paths = setting.paths([kind for kind in ORDER if kind.name in wanted])
    series = measure(setting, setting.needed(FORWARDING), paths)
    result = Result(tables=[_table(series)], samples={"streams": series.as_json()})
    for part in parts.values():
        result.claims += part.claims(series, setting)
    if "ciphers" in parts:
        speeds = measure_ciphers(setting)
        result.claims += cipher_claims(series, speeds)
        result.samples["ciphers"] = speeds.as_json()
    return result


def _table(series: Series) -> Table:
    baseline = [each.megabits for each in series.baseline]
    rows = [
        (
            FORWARDING.name,
            f"{median(baseline):,.0f}",
            _range(baseline),
            "1.00",
            f"{median(each.machine for each in series.baseline):.2f}",
            "",
        ),
        *(
            (
                name,
                f"{median(series.rates(name)):,.0f}",
                _range(series.rates(name)),
                f"{median(series.relative(name)):.2f}",
                f"{median(series.machine(name)):.2f}",
                f"{gateways:.2f}" if (gateways := median(series.gateways(name))) else "",
            )
            for name, taken in series.samples.items()
            if taken
        ),
    ]
    headings = ("path", "Mbit/s", "range", "of fwd", "CPU s/GB", "gateways")
    return Table(TITLE, headings, rows)


def _range(values: Sequence[float]) -> str:
    return f"{min(values):,.0f} to {max(values):,.0f}"
