"""The packet engine (Rust, `crates/gatewright-python`).

Used by `gatewright.dataplane.engine` alone, which speaks the types of the control plane.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, final

_Address = IPv4Address | IPv6Address
_Selector = tuple[_Address, _Address, int, int, int]
_Entry = tuple[int, Literal["protect", "bypass", "discard"], list[_Selector], list[_Selector]]

class EngineError(Exception):
    """The engine or the system refused; the message says what, why, and what to do."""

@final
class Acquire:
    @property
    def policy_id(self) -> int: ...
    @property
    def source(self) -> _Address: ...
    @property
    def destination(self) -> _Address: ...
    @property
    def protocol(self) -> int: ...
    @property
    def source_port(self) -> int: ...
    @property
    def destination_port(self) -> int: ...

@final
class SaExpiring:
    @property
    def spi_in(self) -> int: ...
    @property
    def hard(self) -> bool: ...
    @property
    def reason(self) -> str: ...

@final
class PeerMoved:
    @property
    def spi_in(self) -> int: ...
    @property
    def remote(self) -> _Address: ...
    @property
    def remote_port(self) -> int: ...

@final
class FastPathLost:
    @property
    def name(self) -> str: ...
    @property
    def place(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def why(self) -> str: ...

@final
class IkeDatagram:
    @property
    def local(self) -> _Address: ...
    @property
    def local_port(self) -> int: ...
    @property
    def remote(self) -> _Address: ...
    @property
    def remote_port(self) -> int: ...
    @property
    def payload(self) -> bytes: ...

@final
class SaCounters:
    @property
    def spi_in(self) -> int: ...
    @property
    def packets_in(self) -> int: ...
    @property
    def bytes_in(self) -> int: ...
    @property
    def packets_out(self) -> int: ...
    @property
    def bytes_out(self) -> int: ...
    @property
    def last_in(self) -> float | None: ...
    @property
    def last_out(self) -> float | None: ...
    @property
    def outbound_active(self) -> bool: ...
    @property
    def sequence_out(self) -> int: ...

@final
class Engine:
    def __new__(
        cls,
        interface: str,
        *,
        mtu: int,
        mark: int,
        port: int,
        without: Sequence[str],
        mss_clamp: bool,
        workers: int | None,
        busy_poll_us: int,
        direct_esp: str,
        own_table: str,
    ) -> Engine: ...
    @property
    def interface(self) -> str: ...
    def open(self, addresses: Sequence[_Address]) -> None: ...
    def close(self, *, remove: bool) -> None: ...
    def replace_policies(self, entries: Sequence[_Entry]) -> None: ...
    def add_sa(
        self,
        *,
        spi_in: int,
        spi_out: int,
        policy_id: int,
        local: _Address,
        remote: _Address,
        remote_port: int,
        udp: bool,
        cipher: str,
        integrity: str | None,
        encryption_in: bytes,
        integrity_in: bytes,
        encryption_out: bytes,
        integrity_out: bytes,
        esn: bool,
        local_selectors: Sequence[_Selector],
        remote_selectors: Sequence[_Selector],
        replay_window: int,
        byte_soft_limit: int,
        byte_limit: int,
        outbound_standby: bool,
    ) -> None: ...
    def activate_sa(self, spi_in: int) -> None: ...
    def move_sa(self, spi_in: int, remote: _Address, remote_port: int) -> None: ...
    def remove_sa(self, spi_in: int) -> None: ...
    def acquire_failed(self, policy_id: int) -> None: ...
    def send_ike(
        self, local: _Address, remote: _Address, remote_port: int, payload: bytes
    ) -> None: ...
    def send_keepalive(self, local: _Address, remote: _Address, remote_port: int) -> None: ...
    def event_fd(self) -> int: ...
    def poll_events(
        self,
    ) -> list[Acquire | SaExpiring | PeerMoved | FastPathLost | IkeDatagram]: ...
    def counters(self) -> dict[str, int]: ...
    def sa_counters(self) -> list[SaCounters]: ...
    def features(self) -> dict[str, str]: ...
    def fast_paths(self) -> list[tuple[str, str, str, str]]: ...
    @staticmethod
    def counter_meanings() -> list[tuple[str, str]]: ...

@final
class Esp:
    """One direction of an SA, for tests: no record of sequence numbers is kept."""

    def __new__(
        cls,
        *,
        cipher: str,
        integrity: str | None,
        encryption_key: bytes,
        integrity_key: bytes,
        spi: int,
        esn: bool = False,
    ) -> Esp: ...
    def seal(self, inner: bytes, seq: int) -> bytes: ...
    def open(self, packet: bytes, seq_hi: int = 0) -> tuple[int, int, bytes]: ...
