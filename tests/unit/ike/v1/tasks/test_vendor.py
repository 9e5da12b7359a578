from dataclasses import replace

from gatewright.iana import vendor_ids
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.path import NAT_DIALECTS
from gatewright.ike.v1.tasks import vendor
from gatewright.policy.compiled import NatTraversal
from tests.support.gateways_v1 import tunnel
from tests.unit.ike.v1.builders import core


def names(sa: Core) -> set[str]:
    return {vendor_ids.describe(each.data) for each in vendor.announcements(sa)}


def test_an_initiator_announces_every_dialect() -> None:
    assert names(core()) == {
        "Gatewright",
        "dead peer detection",
        "NAT traversal",
        "NAT traversal draft 02",
        "NAT traversal draft 02 (with newline)",
    }


def test_a_responder_announces_the_one_that_is_used() -> None:
    sa = core(is_initiator=False)
    assert names(sa) == {"Gatewright", "dead peer detection"}
    sa.path = replace(sa.path, dialect=NAT_DIALECTS[1])
    assert names(sa) == {
        "Gatewright",
        "dead peer detection",
        "NAT traversal draft 02 (with newline)",
    }


def test_switched_off_nothing_is_said_of_it() -> None:
    assert names(core(tunnel(nat_traversal=NatTraversal.OFF))) == {
        "Gatewright",
        "dead peer detection",
    }
