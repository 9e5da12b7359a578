"""What goes over the control interface: commands, snapshots and events, as versioned JSON.

Times are RFC 3339 with zone, durations seconds, SPIs hexadecimal.  Fields are added, never changed
in meaning; a change that breaks readers raises ``API_VERSION`` and the path prefix.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

API_VERSION = 1

TunnelState = Literal["down", "negotiating", "up"]


class Model(BaseModel):
    """Frozen; unknown fields of a newer gateway are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Finding(Model):
    """One observation on a policy: what, where, why, and what to write instead."""

    code: str
    severity: Literal["error", "warning", "note"]
    file: str = ""
    line: int = 0
    what: str
    why: str = ""
    instead: str = ""


class Problem(Model):
    """Why something was refused.  ``code`` is stable; the rest is for people."""

    code: str
    what: str
    why: str = ""
    advice: str = ""
    findings: list[Finding] = Field(default_factory=list)


class Difference(Model):
    """One item on which two sides do not agree."""

    item: str
    ours: str
    theirs: str


class Failure(Model):
    """The last failed negotiation of a tunnel, explained."""

    time: datetime
    child: str = ""
    mode: str
    fault: str
    explanation: str
    notify: str = ""
    differences: list[Difference] = Field(default_factory=list)


class ChildSa(Model):
    """A pair of ESP SAs."""

    state: str
    spi_in: str
    spi_out: str
    algorithms: str
    encapsulation: str
    age: float
    rekey_in: float | None = None
    expires_in: float | None = None
    packets_in: int = 0
    bytes_in: int = 0
    packets_out: int = 0
    bytes_out: int = 0
    last_in: float | None = None
    last_out: float | None = None


class Child(Model):
    """A configured pair of selector sets, up or not.

    ``blocked_out``/``blocked_in``: packets that the guards kept from passing in clear.
    """

    name: str
    state: TunnelState
    start: str
    local: list[str]
    remote: list[str]
    sas: list[ChildSa] = Field(default_factory=list)
    blocked_out: int = 0
    blocked_in: int = 0


class IkeSa(Model):
    version: int
    state: str
    initiator: bool
    local: str
    remote: str
    peer_identity: str
    algorithms: str
    nat: str
    spi_i: str
    spi_r: str
    age: float
    rekey_in: float | None = None
    expires_in: float | None = None


class Tunnel(Model):
    """A configured tunnel.  It is there whether it is up or not."""

    name: str
    state: TunnelState
    ike_version: int
    local: str
    remote: str
    source: str = ""
    children: list[Child] = Field(default_factory=list)
    ike_sas: list[IkeSa] = Field(default_factory=list)
    last_failure: Failure | None = None


class Policy(Model):
    """The assigned policy; ``restored`` when it was taken up again at a start."""

    name: str
    source: str
    assigned: datetime
    restored: bool = False


class Blocked(Model):
    """Packets that a guard dropped, of one SPD entry and direction."""

    entry: str
    tunnel: str
    action: str
    direction: Literal["out", "in"]
    packets: int


class FastPath(Model):
    """A way to move packets faster, in one place; ``why`` it is not used, or empty."""

    name: str
    saves: str
    place: str
    state: str
    why: str


class DataPlane(Model):
    kind: str
    interface: str
    features: dict[str, str]
    fast_paths: list[FastPath] = Field(default_factory=list)
    counters: dict[str, int]


class Status(Model):
    """Everything that ``gatewright status`` shows."""

    version: int = API_VERSION
    gateway_version: str
    pid: int
    started: datetime
    now: datetime
    policy: Policy | None = None
    tunnels: list[Tunnel] = Field(default_factory=list)
    guards: list[Blocked] = Field(default_factory=list)
    data_plane: DataPlane | None = None
    ike_counters: dict[str, int] = Field(default_factory=dict)
    daemon_counters: dict[str, int] = Field(default_factory=dict)


class Event(Model):
    """A record of the audit trail.  A repeated one comes again with its sequence number."""

    sequence: int
    first: datetime
    last: datetime
    count: int
    number: int
    kind: str
    severity: str
    tunnel: str = ""
    child: str = ""
    text: str
    details: dict[str, str] = Field(default_factory=dict)


class AssignRequest(Model):
    """``text`` is the policy file's content, ``filename`` its absolute path."""

    text: str = Field(max_length=16 * 1024 * 1024)
    filename: str


class AssignResult(Model):
    """``changes`` and ``notices`` are sentences for people."""

    policy: Policy
    changes: list[str] = Field(default_factory=list)
    notices: list[str] = Field(default_factory=list)
    findings: list[Finding] = Field(default_factory=list)


class UnassignResult(Model):
    policy: str | None = None
    notices: list[str] = Field(default_factory=list)


class TunnelResult(Model):
    """How ``up`` or ``down`` ended.  ``pending``: still under way when the wait was over."""

    tunnel: str
    result: Literal["up", "down", "failed", "pending"]
    text: str
    failure: Failure | None = None
    seconds: float = 0.0


class Progress(Model):
    """One line of the answer to ``up`` and ``down``: an event, and last the result."""

    event: Event | None = None
    result: TunnelResult | None = None
