"""What can be chosen about a demonstration.  Loads nothing, so that ``--help`` is quick."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class PeerKind(Enum):
    """Who stands at the other end."""

    STRONGSWAN = "strongswan"
    GATEWRIGHT = "gatewright"


class DemoProfile(Enum):
    """Which cryptography is shown."""

    MODERN = "modern"
    WINDOWS_2003 = "windows-2003"


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """``peer`` None: strongSwan where it is installed, else a second Gatewright."""

    peer: PeerKind | None = None
    profile: DemoProfile = DemoProfile.MODERN
    keep: bool = False
    transfer_seconds: float = 3.0
