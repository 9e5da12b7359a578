"""What two sides agree on for a child SA, and making the SA out of it.

IKE_AUTH, CREATE_CHILD_SA for a new child, and CREATE_CHILD_SA for a rekey carry the same three
payloads SA, TSi and TSr: here are both halves of that, without the exchange around them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatewright.crypto.keymat_v2 import derive_child_keys
from gatewright.iana.algorithms import Group
from gatewright.iana.ikev2 import NotifyType, PayloadType
from gatewright.ike.child_index import ChildIndex
from gatewright.ike.spis import FIRST_USABLE_SPI
from gatewright.ike.v2 import selectors
from gatewright.ike.v2.children import ChildEntry
from gatewright.ike.v2.errors import InvalidSyntax, PeerRefused
from gatewright.ike.v2.lifetimes import soft_limit
from gatewright.ike.v2.proposals import Chosen, accepted_esp, choose_esp, esp_offer
from gatewright.ike.v2.refusals import child_refused
from gatewright.ike.v2.sa import IkeSa
from gatewright.ike.v2.selectors import Selectors
from gatewright.ipsec.association import ChildSa
from gatewright.ipsec.secret import Secret
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Child, EspProposal
from gatewright.wire.v2.message import Payload, select
from gatewright.wire.v2.payloads.notify import NotifyPayload
from gatewright.wire.v2.payloads.sa import SaPayload
from gatewright.wire.v2.payloads.ts import TsPayload

Trigger = tuple[TrafficSelector, TrafficSelector]
_KILOBYTE = 1024


@dataclass(frozen=True, slots=True)
class Terms:
    """An agreed child SA without its keys; ``group`` is that of its own key exchange."""

    child: Child
    method: EspProposal
    group: Group | None
    esn: bool
    spi_in: int
    spi_out: int
    local: Selectors
    remote: Selectors


class ChildOffer:
    """The initiator's half."""

    def __init__(
        self, sa: IkeSa, child: Child, trigger: Trigger | None, *, with_group: bool
    ) -> None:
        self.child = child
        self._spi = sa.context.allocate_spi()
        self._with_group = with_group
        source, destination = trigger if trigger is not None else (None, None)
        self._local = selectors.with_trigger(child.local, source)
        self._remote = selectors.with_trigger(child.remote, destination)

    @property
    def spi_in(self) -> int:
        return self._spi.number

    def payloads(self) -> list[Payload]:
        spi = self.spi_in.to_bytes(4, "big")
        return [
            esp_offer(self.child.proposals, spi, with_group=self._with_group),
            selectors.to_payload(PayloadType.TSI, self._local),
            selectors.to_payload(PayloadType.TSR, self._remote),
        ]

    def accepted(self, payloads: Sequence[Payload]) -> Terms:
        """The responder's choice; raises `PeerViolation` when it was not on offer."""
        chosen = accepted_esp(
            self.child.proposals, select(payloads, SaPayload)[0], with_group=self._with_group
        )
        tsi, tsr = select(payloads, TsPayload)
        if tsi.payload_type == PayloadType.TSR:
            tsi, tsr = tsr, tsi
        local = selectors.check_narrowed(
            self._local, selectors.from_payload(tsi), "local traffic selector"
        )
        remote = selectors.check_narrowed(
            self._remote, selectors.from_payload(tsr), "remote traffic selector"
        )
        return Terms(
            self.child,
            chosen.method,
            chosen.group,
            chosen.esn,
            self.spi_in,
            _outbound_spi(chosen),
            local,
            remote,
        )

    def refused(self, notify: NotifyPayload) -> PeerRefused:
        return child_refused(
            notify, self.child, self._local, self._remote, with_group=self._with_group
        )


def answer(
    sa: IkeSa, children: ChildIndex, payloads: Sequence[Payload], *, with_group: bool
) -> tuple[Terms, list[Payload]]:
    """The responder's half: the terms, and the payloads SA, TSi, TSr of the response.

    Raises `TsUnacceptable` or `NoProposalChosen`.
    """
    tsi, tsr = select(payloads, TsPayload)
    if tsi.payload_type == PayloadType.TSR:
        tsi, tsr = tsr, tsi
    wanted_local, wanted_remote = selectors.from_payload(tsr), selectors.from_payload(tsi)
    fit = selectors.choose_child(children, wanted_local, wanted_remote)
    chosen = choose_esp(fit.child.proposals, select(payloads, SaPayload)[0], with_group=with_group)
    spi_in = sa.context.allocate_spi().number  # installed before the next one is asked for
    terms = Terms(
        fit.child,
        chosen.method,
        chosen.group,
        chosen.esn,
        spi_in,
        _outbound_spi(chosen),
        fit.local,
        fit.remote,
    )
    answers: list[Payload] = [
        chosen.answer_with(spi_in.to_bytes(4, "big")),
        selectors.to_payload(PayloadType.TSI, fit.remote),
        selectors.to_payload(PayloadType.TSR, fit.local),
    ]
    if _more_possible(children, fit, wanted_local, wanted_remote):
        answers.append(NotifyPayload(NotifyType.ADDITIONAL_TS_POSSIBLE))
    return terms, answers


def _outbound_spi(chosen: Chosen[EspProposal]) -> int:
    spi = int.from_bytes(chosen.peer_spi, "big")
    if spi < FIRST_USABLE_SPI:
        raise InvalidSyntax(f"the peer chose the reserved SPI {spi}")
    return spi


def _more_possible(
    children: ChildIndex, fit: selectors.Fit, local: Selectors, remote: Selectors
) -> bool:
    """Whether another child would take more of what was asked for (RFC 7296 section 2.9)."""
    return any(
        child is not fit.child
        and selectors.meet(child.local, local)
        and selectors.meet(child.remote, remote)
        for child in children.meeting(local, remote)
    )


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """What the keys of a child SA come from: the nonces and secret of the exchange that made it.

    ``we_initiated`` speaks of that exchange, not of the IKE SA (RFC 7296 section 2.17).
    """

    nonce_i: bytes
    nonce_r: bytes
    shared: Secret | None
    we_initiated: bool


def establish(
    sa: IkeSa,
    terms: Terms,
    material: KeyMaterial,
    now: float,
    *,
    replaces: int | None = None,
    standby: bool = False,
    settle: float | None = None,
) -> ChildEntry:
    """Make the SA, and have the data plane install it.

    ``standby`` as in `ChildSa`; ``settle`` ends it after so many seconds.
    """
    keyring = sa.keys()
    to_responder, to_initiator = derive_child_keys(
        keyring.proposal.prf,
        keyring.sk_d,
        terms.method.cipher,
        terms.method.integrity,
        material.nonce_i,
        material.nonce_r,
        material.shared,
    )
    ours = material.we_initiated
    timing, random = sa.context.timing, sa.context.random
    byte_limit = terms.method.lifetime_kilobytes * _KILOBYTE
    child_sa = ChildSa(
        spi_in=terms.spi_in,
        spi_out=terms.spi_out,
        policy_id=terms.child.policy_id,
        tunnel=sa.connection.name,
        child=terms.child.name,
        transport=sa.path.transport(),
        cipher=terms.method.cipher,
        integrity=terms.method.integrity,
        keys_in=to_initiator if ours else to_responder,
        keys_out=to_responder if ours else to_initiator,
        esn=terms.esn,
        local=terms.local,
        remote=terms.remote,
        byte_soft_limit=int(
            soft_limit(byte_limit, byte_limit * timing.volume_margin, timing, random)
        ),
        byte_limit=byte_limit,
        outbound_standby=standby,
    )
    lifetime = float(terms.method.lifetime_seconds)
    entry = ChildEntry(
        sa=child_sa,
        child=terms.child,
        method=terms.method,
        since=now,
        rekey_at=now + soft_limit(lifetime, timing.margin(lifetime), timing, random),
        expire_at=now + lifetime,
        activate_at=None if settle is None else now + settle,
    )
    sa.children.install(entry, initiator=ours, replaces=replaces)
    return entry


def establish_as_responder(sa: IkeSa, terms: Terms, material: KeyMaterial, now: float) -> None:
    """`establish` for a pair that replaces none.

    What waits here for the SA would overtake our response, and the initiator does not know the SPI
    before that: the outbound half comes into use with its first packet, or when it has had time.
    """
    settle = sa.context.timing.settle
    establish(sa, terms, material, now, standby=True, settle=settle)
