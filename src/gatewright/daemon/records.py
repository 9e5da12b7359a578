"""Audit records as the control interface shows them."""

from __future__ import annotations

from datetime import UTC, datetime

from gatewright.audit.event import Event, Record
from gatewright.control import models


def event_model(record: Record) -> models.Event:
    event = record.event
    return models.Event(
        sequence=record.sequence,
        first=datetime.fromtimestamp(record.first, UTC),
        last=datetime.fromtimestamp(record.last, UTC),
        count=record.count,
        number=event.kind.number,
        kind=event.kind.text,
        severity=event.severity.value,
        tunnel=event.tunnel,
        child=event.child,
        text=event.text,
        details=dict(event.details),
    )


def passing_event(event: Event, now: float) -> models.Event:
    """An event on its way to somebody who waits, outside the trail's numbering."""
    return event_model(Record(0, now, now, 1, event))
