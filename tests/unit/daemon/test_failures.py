from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from gatewright.control.models import Difference as Shown
from gatewright.daemon.failures import Failures
from gatewright.ike.outputs import ChildSaEstablished, Difference, Output
from tests.unit.daemon.doubles import child_sa, failure


def heard(*outputs: Output) -> Failures:
    failures = Failures(lambda: 1000.0)
    for output in outputs:
        failures(output, None)
    return failures


def up(child: str = "branch 1") -> ChildSaEstablished:
    return ChildSaEstablished(child_sa(child=child), initiator=True)


def test_the_last_failure_is_kept_with_its_time_and_differences() -> None:
    last = replace(
        failure(),
        explanation="No common group.",
        differences=(Difference("group", "x25519", "modp-1024"),),
        notify="NO_PROPOSAL_CHOSEN",
    )
    kept = heard(failure(), last).of("branch")
    assert kept is not None
    assert kept.time == datetime.fromtimestamp(1000, UTC)
    assert (kept.mode, kept.fault, kept.notify) == ("IKE SA", "no answer", "NO_PROPOSAL_CHOSEN")
    assert kept.explanation == "No common group."
    assert kept.differences == [Shown(item="group", ours="x25519", theirs="modp-1024")]


def test_a_failure_is_of_its_tunnel_alone() -> None:
    assert heard(failure("depot")).of("branch") is None


def test_what_belongs_to_no_tunnel_is_nobodys_failure() -> None:
    assert heard(failure("")).of("") is None


def test_a_success_ends_the_failure_of_the_ike_sa() -> None:
    assert heard(failure(), up()).of("branch") is None


def test_the_success_of_another_child_does_not_hide_the_failure_of_one() -> None:
    of_two = replace(failure(), child="branch 2")
    assert heard(of_two, up("branch 1")).of("branch") is not None
    assert heard(of_two, up("branch 2")).of("branch") is None


def test_tunnels_that_are_gone_are_forgotten() -> None:
    failures = heard(failure("branch"), failure("depot"))
    failures.keep(["depot"])
    assert failures.of("branch") is None
    assert failures.of("depot") is not None
