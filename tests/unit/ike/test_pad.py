from dataclasses import replace
from ipaddress import ip_address

import pytest

from gatewright.ike.pad import Pad
from gatewright.policy.compiled import IkeVersion, StartMode
from tests.unit.ike.fake_session import LOCAL, REMOTE, child, connection

ELSEWHERE = ip_address("203.0.113.9")


def test_a_connection_is_found_by_name_policy_and_addresses() -> None:
    branch, depot = connection("branch", child(1), child(2)), connection("depot", child(3))
    pad = Pad([branch, depot])
    assert list(pad) == [branch, depot]
    assert pad["branch"] == pad.get("branch") == branch
    assert pad.child(2) == (branch, child(2))
    assert list(pad.between(IkeVersion.V2, LOCAL, REMOTE)) == [branch, depot]


def test_what_is_not_there_is_not_found() -> None:
    pad = Pad([connection("branch", child(1))])
    assert pad.get("depot") is None
    assert pad.child(9) is None
    assert list(pad.between(IkeVersion.V1, LOCAL, REMOTE)) == []
    assert list(pad.between(IkeVersion.V2, LOCAL, ELSEWHERE)) == []
    with pytest.raises(KeyError):
        pad["depot"]


def test_versions_and_endpoints_are_kept_apart() -> None:
    old = replace(connection("old", child(1)), version=IkeVersion.V1)
    far = replace(connection("far", child(2)), remote=ELSEWHERE)
    pad = Pad([old, far])
    assert list(pad.between(IkeVersion.V1, LOCAL, REMOTE)) == [old]
    assert list(pad.between(IkeVersion.V2, LOCAL, ELSEWHERE)) == [far]


def test_an_ike_sa_stays_while_what_it_was_made_of_does() -> None:
    branch = connection("branch", child(1))
    pad = Pad([branch])
    assert pad.keeps(connection("branch", child(2)))  # children have SAs of their own
    assert not pad.keeps(connection("depot", child(1)))
    assert not pad.keeps(replace(branch, remote=ELSEWHERE))
    assert not pad.keeps(replace(branch, proposals=()))


def test_a_child_is_found_by_its_name_in_its_tunnel() -> None:
    branch, depot = connection("branch", child(1)), connection("depot", child(2))
    pad = Pad([branch, depot])
    assert pad.named("depot", child(2).name) == child(2)
    assert pad.named("branch", "nothing of the kind") is None


def test_a_child_stays_the_same_while_it_and_its_peer_do() -> None:
    branch = connection("branch", child(1), child(2))
    pad = Pad([branch])
    assert pad.keeps_child(Pad([connection("branch", child(1))]), 1)
    assert not pad.keeps_child(Pad([connection("branch", child(1))]), 2)
    assert not pad.keeps_child(Pad([connection("branch", child(3))]), 3)
    assert not pad.keeps_child(Pad([replace(branch, remote=ELSEWHERE)]), 1)
    assert not pad.keeps_child(Pad([connection("branch", child(1, StartMode.ALWAYS))]), 1)
