from __future__ import annotations

from dataclasses import replace

import pytest

from gatewright.audit.event import Event, Kind, Severity

FAILED = Event(
    Kind.NEGOTIATION_FAILED, Severity.ERROR, "It failed.", "branch", "net", {"port": "500"}
)


def test_every_kind_has_its_own_name_and_the_number_of_the_security_log() -> None:
    """Two members of one value would be one kind: an ``Enum`` takes the second for an alias."""
    assert len({kind.text for kind in Kind}) == len(Kind.__members__)
    assert {kind.number for kind in Kind} == {0, 541, 542, 543, 545, 546, 547}
    assert (Kind.CHILD_SA_CLOSED.text, Kind.CHILD_SA_CLOSED.number) == ("child-sa-closed", 542)


@pytest.mark.parametrize(
    "other",
    [
        replace(FAILED, kind=Kind.PROPOSAL_REFUSED),
        replace(FAILED, severity=Severity.WARNING),
        replace(FAILED, text="It failed otherwise."),
        replace(FAILED, tunnel="depot"),
        replace(FAILED, child="net 2"),
        replace(FAILED, key="k"),
    ],
)
def test_what_people_would_tell_apart_is_not_the_same(other: Event) -> None:
    assert other.sameness != FAILED.sameness


def test_details_do_not_make_another_event() -> None:
    assert replace(FAILED, details={"port": "501"}).sameness == FAILED.sameness


def test_a_key_stands_for_a_text_that_strangers_can_vary() -> None:
    texts = [replace(FAILED, text=f"From port {port}.", key="bad") for port in (500, 501)]
    assert texts[0].sameness == texts[1].sameness
    assert replace(texts[0], key="other").sameness != texts[0].sameness
