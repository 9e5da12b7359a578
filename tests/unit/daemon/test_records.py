from __future__ import annotations

from datetime import UTC, datetime

from gatewright.audit.event import Event, Kind, Record, Severity
from gatewright.daemon.records import event_model, passing_event

EVENT = Event(
    Kind.CHILD_SA_CLOSED, Severity.WARNING, "It is closed.", "branch", "net", {"spi": "1001"}
)


def test_a_record_as_it_is_shown() -> None:
    shown = event_model(Record(7, 1000.0, 1030.5, 3, EVENT))
    assert (shown.sequence, shown.count) == (7, 3)
    assert shown.first == datetime(1970, 1, 1, 0, 16, 40, tzinfo=UTC)
    assert (shown.last - shown.first).total_seconds() == 30.5
    assert (shown.number, shown.kind, shown.severity) == (542, "child-sa-closed", "warning")
    assert (shown.tunnel, shown.child, shown.text) == ("branch", "net", "It is closed.")
    assert shown.details == {"spi": "1001"}


def test_an_event_that_passes_by_has_no_number_in_the_trail() -> None:
    shown = passing_event(EVENT, 1000.0)
    assert (shown.sequence, shown.count) == (0, 1)
    assert shown.first == shown.last == datetime.fromtimestamp(1000, UTC)
