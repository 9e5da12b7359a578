"""What an exchange is for whoever begins it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from gatewright.iana.ikev2 import ExchangeType
from gatewright.ike.machine import Datagram
from gatewright.ike.v2.errors import ExchangeError
from gatewright.ike.v2.rules import Shape
from gatewright.wire.isakmp import Header
from gatewright.wire.v2.message import Payload

if TYPE_CHECKING:
    from gatewright.ike.v2.sa import IkeSa


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message that passed its integrity check (IKE_SA_INIT: that is well-formed)."""

    datagram: Datagram
    header: Header
    payloads: tuple[Payload, ...]


class Purpose(Enum):
    """What a task is about, where others must not begin the same."""

    NEW_CHILD = "makes a child SA of this policy"
    CHILD_REKEY = "rekeys the child SA with this inbound SPI"
    END = "ends the IKE SA"


@dataclass(frozen=True, slots=True)
class Subject:
    """A purpose, and the policy or SPI that it has, if it has one."""

    purpose: Purpose
    number: int = 0


class Task(ABC):
    """One exchange that we begin.

    The session calls `build` when the window has room, sends what that gives, checks the response
    against `response_shape`, and calls `process`; or `failed`, once, when anything goes wrong.
    The responder's half of the exchange is a function in the same file.
    """

    exchange: ClassVar[ExchangeType]

    @abstractmethod
    def build(self, sa: IkeSa, now: float) -> Sequence[Payload] | None:
        """The payloads of the request; None when there is nothing to do any more."""

    @property
    def subject(self) -> Subject | None:
        """What nobody else need begin while this one waits or is under way."""
        return None

    @abstractmethod
    def response_shape(self, payloads: Sequence[Payload]) -> Shape:
        """The form that this response must have."""

    @abstractmethod
    def process(self, sa: IkeSa, inbound: Inbound, now: float) -> Task | None:
        """The response; gives the task to go on with at once.  Raises `ExchangeError`."""

    @abstractmethod
    def failed(self, sa: IkeSa, error: ExchangeError, now: float) -> None:
        """The peer refused, or broke the protocol."""
