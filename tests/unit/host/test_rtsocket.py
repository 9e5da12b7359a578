"""Against the kernel itself, in the namespace of whoever runs the tests: it is only asked."""

from __future__ import annotations

import errno

import pytest

from gatewright.host.rtmessages import FAMILIES, wanted_routes, wanted_rules
from gatewright.host.rtsocket import DELETE_ROUTE, GET_ROUTE, GET_RULE, NEW_ROUTE, RouteSocket
from gatewright.netlink.messages import CREATE


def test_the_rules_that_every_machine_has() -> None:
    with RouteSocket() as asked:
        found = list(asked.dump(GET_RULE, wanted_rules(4)))
        assert len(found) >= 1  # the main table's at least
        assert {each[0] for each in found} == {FAMILIES[4]}
        list(
            asked.dump(GET_ROUTE, wanted_routes(4))
        )  # the next answer is that of the next question
        assert len(list(asked.dump(GET_RULE, wanted_rules(4)))) == len(found)


@pytest.mark.parametrize("count", [1, 450])
def test_what_the_kernel_refuses_is_its_error_number(count: int) -> None:
    """Messages that are too short for any kernel, privileged or not."""
    with RouteSocket() as asked:
        with pytest.raises(OSError, match=r"\[Errno") as caught:
            asked.change(NEW_ROUTE, CREATE, [b"\2"] * count)
        refused = caught.value.errno
        assert refused in (errno.EINVAL, errno.EPERM)
        assert refused is not None
        asked.change(DELETE_ROUTE, 0, [b"\2"] * count, ignored=[refused])
        list(asked.dump(GET_RULE, wanted_rules(6)))


def test_nothing_to_change_is_done() -> None:
    with RouteSocket() as asked:
        asked.change(NEW_ROUTE, CREATE, [])
