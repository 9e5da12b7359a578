from __future__ import annotations

import errno

import pytest

from gatewright.dataplane.kernel.layout import Kind
from gatewright.dataplane.kernel.probe import missing
from gatewright.iana.algorithms import CIPHER_BY_NAME
from tests.support.scapy_esp import EVERY_ALGORITHM
from tests.unit.dataplane.kernel.doubles import FakeKernel, NoKernel

MADE: list[FakeKernel] = []


class Kernel(FakeKernel):
    wrong = 0

    def __init__(self, protocol: int = 0, groups: int = 0) -> None:
        super().__init__(protocol, groups)
        if self.wrong:
            self.refuse[Kind.NEW_SA] = self.wrong
        MADE.append(self)


def test_a_kernel_that_takes_every_sa_lacks_nothing_and_keeps_none() -> None:
    assert missing([4, 6, 4], EVERY_ALGORITHM, Kernel) == []
    assert not MADE[-1].sas
    assert MADE[-1].kinds().count(Kind.NEW_SA) == 2 * len(EVERY_ALGORITHM)


@pytest.mark.parametrize(
    ("number", "lacks"),
    [
        (errno.EPROTONOSUPPORT, ["no ESP for IPv4", "no ESP for IPv6"]),
        (errno.ENOSYS, 2 * ["ESP with aes-128-gcm (Function not implemented)"]),
    ],
)
def test_what_is_refused_is_missing(
    monkeypatch: pytest.MonkeyPatch, number: int, lacks: list[str]
) -> None:
    monkeypatch.setattr(Kernel, "wrong", number)
    assert missing([4, 6], [(CIPHER_BY_NAME["aes-128-gcm"], None)], Kernel) == lacks


def test_an_algorithm_without_a_name_in_the_kernel_is_missing() -> None:
    (lack,) = missing([4], [(CIPHER_BY_NAME["aes-128-cbc"], None)], Kernel)
    assert lack == "ESP with aes-128-cbc"


def test_a_kernel_without_xfrm_lacks_all() -> None:
    assert missing([4], [], NoKernel) == ["no XFRM netlink (Protocol not supported)"]
