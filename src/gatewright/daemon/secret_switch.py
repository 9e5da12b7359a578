"""The secrets of the policy in force: IKE holds this source, the daemon changes what it shows."""

from __future__ import annotations

from gatewright.ike.machine import SecretSource
from gatewright.ipsec.secret import Secret


class SecretSwitch:
    """Implements ``ike.machine.SecretSource``."""

    def __init__(self) -> None:
        self._source: SecretSource | None = None

    def use(self, source: SecretSource) -> None:
        self._source = source

    def preshared_key(self, name: str) -> Secret:
        if self._source is None:
            raise KeyError(name)
        return self._source.preshared_key(name)
