"""What an endpoint allows to strangers: half-open SAs, and the secrets behind cookies.

A stranger is whoever has not authenticated yet: everything that it can make us remember is
bounded here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gatewright.ike.machine import RandomSource
from gatewright.ipsec.selectors import IPAddress

COOKIE_SECRET_LENGTH = 32
PER_ADDRESS = "half_open_limit_per_address"
IN_ALL = "half_open_limit"
PER_TUNNEL = "ike_sas_per_tunnel_limit"


@dataclass(frozen=True, slots=True)
class Limits:
    """``cookie_threshold``: half-open SAs from which on IKEv2 initiators must return a cookie
    (RFC 7296 section 2.6).  ``per_address`` is higher than what one gateway behind one address
    needs for a simultaneous start of its tunnels.  ``per_tunnel``: IKE SAs that a peer may make
    and leave standing, more than a rekey or a restart without INITIAL_CONTACT leaves behind."""

    half_open: int = 500
    per_address: int = 35
    cookie_threshold: int = 30
    per_tunnel: int = 16
    cookie_secret_lifetime: float = 120.0


class HalfOpen:
    """Counts the responder sessions that are not established yet."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_address: Counter[IPAddress] = Counter()

    @property
    def total(self) -> int:
        return self._by_address.total()

    def refusal(self, address: IPAddress) -> str | None:
        """The name of the limit that one more from there would break, or None."""
        if self._by_address[address] >= self._limits.per_address:
            return PER_ADDRESS
        if self.total >= self._limits.half_open:
            return IN_ALL
        return None

    def add(self, address: IPAddress) -> None:
        self._by_address[address] += 1

    def remove(self, address: IPAddress) -> None:
        self._by_address[address] -= 1
        if self._by_address[address] <= 0:
            del self._by_address[address]


class CookieSecrets:
    """The current and the previous secret: a cookie stays good for one to two lifetimes."""

    def __init__(self, random: RandomSource, limits: Limits) -> None:
        self._random = random
        self._lifetime = limits.cookie_secret_lifetime
        self._secrets: list[bytes] = []
        self._renewed = 0.0

    def current(self, now: float) -> Sequence[bytes]:
        """Newest first."""
        if not self._secrets or now - self._renewed >= self._lifetime:
            self._secrets = [self._random(COOKIE_SECRET_LENGTH), *self._secrets[:1]]
            self._renewed = now
        return self._secrets
