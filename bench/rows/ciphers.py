"""How fast one core seals packets of 1,400 octets when it does nothing else, and what share of
that a TCP stream through the gateways reaches."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from statistics import median

from bench import tool
from bench.claims import Claim, Form
from bench.paths.catalogue import CBC, CHACHA, GCM, GCM_256, TRIPLE_DES
from bench.result import Json
from bench.series import Series
from bench.setting import Setting
from bench.statistics import median_or_none

PACKET = 1400
SECONDS = 0.2
REPETITIONS = 5
ALGORITHMS: dict[str, tuple[str, str | None]] = {
    GCM.name: ("aes-128-gcm", None),
    GCM_256.name: ("aes-256-gcm", None),
    CHACHA.name: ("chacha20-poly1305", None),
    CBC.name: ("aes-128-cbc", "hmac-sha256-128"),
    TRIPLE_DES.name: ("3des-cbc", "hmac-sha1-96"),
}


@dataclass(slots=True)
class CipherSpeeds:
    """Nanoseconds to seal and to open a packet, by path."""

    sealing: dict[str, list[float]] = field(default_factory=dict)
    opening: dict[str, list[float]] = field(default_factory=dict)

    def megabits(self, name: str) -> float:
        """What one core can take through the slower of the two."""
        slower = max(median(self.sealing[name]), median(self.opening[name]))
        return PACKET * 8 / slower * 1000

    def as_json(self) -> Json:
        return {"seal_nanoseconds": self.sealing, "open_nanoseconds": self.opening}


def measure_ciphers(setting: Setting) -> CipherSpeeds:
    """Every algorithm in turn, several times."""
    speeds = CipherSpeeds()
    for _ in range(REPETITIONS):
        for name, (cipher, integrity) in ALGORITHMS.items():
            setting.say(f"the cipher by itself: {name}")
            taken = setting.judge.take(partial(_seal_and_open, cipher, integrity))
            speeds.sealing.setdefault(name, []).append(taken["seal_ns"])
            speeds.opening.setdefault(name, []).append(taken["open_ns"])
    return speeds


def _seal_and_open(cipher: str, integrity: str | None) -> dict[str, float]:
    return tool.run(
        None, "cipher", cipher=cipher, integrity=integrity, seconds=SECONDS, size=PACKET
    )


def cipher_claims(series: Series, speeds: CipherSpeeds) -> list[Claim]:
    claims = []
    for name in ALGORITHMS:
        rate = median_or_none(series.rates(name))
        limit = speeds.megabits(name)
        work = f"TCP stream, {name.removeprefix('UDP, ')}"
        claims.append(
            Claim(
                work,
                f"of one core's {limit / 1000:,.1f} Gbit/s",
                None if rate is None else rate / limit,
                Form.SHARE,
            )
        )
    return claims
