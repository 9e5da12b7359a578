"""IKE's outputs as audit events: the words an administrator reads.  Pure."""

from __future__ import annotations

from gatewright.audit.event import Event, Kind, Severity
from gatewright.dataplane.interface import FastPath
from gatewright.ike.outputs import (
    ChildSaClosed,
    ChildSaEstablished,
    Fault,
    IkeSaClosed,
    IkeSaEstablished,
    MessageDropped,
    NegotiationFailed,
    Output,
    PeerSilent,
    UpdateTransport,
)
from gatewright.ipsec.association import ChildSa, Encapsulation

_VERSION_WORDS = {1: "IKEv1 main mode SA", 2: "IKEv2 SA"}
_FAILURE_KINDS = {
    Fault.AUTHENTICATION: Kind.AUTHENTICATION_FAILED,
    Fault.NOTHING_IN_COMMON: Kind.PROPOSAL_REFUSED,
    Fault.MALFORMED: Kind.PROPOSAL_REFUSED,
}

# What the peer refused for, as it said in its notify.
_NOTIFY_KINDS = {
    "AUTHENTICATION_FAILED": Kind.AUTHENTICATION_FAILED,
    "NO_PROPOSAL_CHOSEN": Kind.PROPOSAL_REFUSED,
    "INVALID_KE_PAYLOAD": Kind.PROPOSAL_REFUSED,
    "TS_UNACCEPTABLE": Kind.PROPOSAL_REFUSED,
}


def event_for(output: Output) -> Event | None:
    """The event that an output is, or None for a command that is none."""
    match output:
        case IkeSaEstablished():
            return _ike_established(output)
        case ChildSaEstablished(sa, initiator, replaces):
            return _child_established(sa, initiator=initiator, rekeyed=replaces is not None)
        case IkeSaClosed() | ChildSaClosed():
            return _closed(output)
        case NegotiationFailed():
            return _failure(output)
        case MessageDropped():
            return _dropped(output)
        case PeerSilent() | UpdateTransport():
            return _peer(output)
        case _:
            return None


def child_algorithms(sa: ChildSa) -> str:
    """``aes-128-gcm`` or ``aes-256-cbc / hmac-sha256-128``."""
    parts = [sa.cipher.name] + ([sa.integrity.name] if sa.integrity is not None else [])
    return " / ".join(parts)


def _ike_established(output: IkeSaEstablished) -> Event:
    what = _VERSION_WORDS.get(output.version, "IKE SA")
    done = "rekeyed" if output.rekeyed else "established"
    role = "initiator" if output.initiator else "responder"
    return Event(
        Kind.IKE_SA_ESTABLISHED,
        Severity.INFORMATION,
        f"{what} {done} with {output.peer_identity} at {output.remote} as {role}: "
        f"{output.algorithms}.",
        output.tunnel,
        details={
            "local": output.local,
            "remote": output.remote,
            "peer_identity": output.peer_identity,
            "algorithms": output.algorithms,
            "spi_i": output.spi_i,
            "spi_r": output.spi_r,
        },
    )


def _child_established(sa: ChildSa, *, initiator: bool, rekeyed: bool) -> Event:
    what = "ESP in UDP" if sa.transport.encapsulation is Encapsulation.UDP else "ESP"
    done = "rekeyed" if rekeyed else "established"
    local = ", ".join(map(str, sa.local))
    remote = ", ".join(map(str, sa.remote))
    return Event(
        Kind.CHILD_SA_ESTABLISHED,
        Severity.INFORMATION,
        f"Child SA {done}: {local} to {remote}, {what}, {child_algorithms(sa)}.",
        sa.tunnel,
        sa.child,
        {
            "spi_in": f"{sa.spi_in:08x}",
            "spi_out": f"{sa.spi_out:08x}",
            "algorithms": child_algorithms(sa),
            "role": "initiator" if initiator else "responder",
            "peer": str(sa.transport.remote),
        },
    )


def _closed(output: IkeSaClosed | ChildSaClosed) -> Event:
    if isinstance(output, IkeSaClosed):
        return Event(
            Kind.IKE_SA_CLOSED,
            Severity.INFORMATION,
            f"The IKE SA ended: {output.reason}.",
            output.tunnel,
            details={"spi_i": output.spi_i, "spi_r": output.spi_r},
        )
    return Event(
        Kind.CHILD_SA_CLOSED,
        Severity.INFORMATION,
        f"The child SA ended: {output.reason}.",
        output.tunnel,
        output.child,
        {"spi_in": f"{output.spi_in:08x}", "spi_out": f"{output.spi_out:08x}"},
    )


def fast_path_lost(path: FastPath) -> Event:
    """Packets go on, each by itself: slower."""
    return Event(
        Kind.FAST_PATH_LOST,
        Severity.WARNING,
        f"{path.name} ({path.saves}) on {path.place} is no longer used: {path.why}. "
        "Packets go on without it, slower.",
        details={"name": path.name, "place": path.place},
    )


def _peer(output: PeerSilent | UpdateTransport) -> Event:
    if isinstance(output, PeerSilent):
        return Event(
            Kind.PEER_SILENT,
            Severity.WARNING,
            f"The peer {output.remote} no longer answers; its SAs are given up.",
            output.tunnel,
        )
    return Event(
        Kind.PEER_MOVED,
        Severity.INFORMATION,
        f"The peer's outer address is now {output.remote}, port {output.remote_port}.",
        details={"spi_in": f"{output.spi_in:08x}"},
    )


def _dropped(output: MessageDropped) -> Event:
    text = f"A message from {output.remote} was dropped: {output.reason.replace('_', ' ')}"
    return Event(
        Kind.MESSAGE_DROPPED,
        Severity.WARNING,
        f"{text}, {output.detail.rstrip('.')}." if output.detail else f"{text}.",
        details={"reason": output.reason, "remote": output.remote},
        key=output.reason,
    )


def _failure(output: NegotiationFailed) -> Event:
    by_notify = _NOTIFY_KINDS.get(output.notify, Kind.NEGOTIATION_FAILED)
    kind = _FAILURE_KINDS.get(output.fault, by_notify)
    differences = "; ".join(
        f"{each.item}: this side wants {each.ours}, the peer {each.theirs}"
        for each in output.differences
    )
    text = f"The negotiation of the {output.mode} failed: {output.explanation}"
    details = {
        "fault": output.fault.value,
        "notify": output.notify,
        "remote": output.remote,
        "differences": differences,
        "explanation": output.explanation,
        "mode": output.mode,
    }
    return Event(
        kind,
        Severity.ERROR,
        f"{text} ({differences})" if differences and differences not in text else text,
        output.tunnel,
        output.child,
        {name: value for name, value in details.items() if value},
        key="" if output.tunnel else f"{output.mode} {output.fault.value} {output.notify}",
    )
