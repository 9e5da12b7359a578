from __future__ import annotations

from gatewright.dataplane.kernel.associations import Associations
from gatewright.dataplane.kernel.leftovers import remove_leftovers
from gatewright.dataplane.kernel.policies import Policies
from gatewright.iana.algorithms import CIPHER_BY_NAME
from tests.support.policies import entry
from tests.support.scapy_esp import child_sa
from tests.unit.dataplane.kernel.doubles import FakeKernel, NoKernel


def test_sas_and_policies_of_a_killed_process_go() -> None:
    made: list[FakeKernel] = []

    class Kernel(FakeKernel):
        def __init__(self, protocol: int = 0, groups: int = 0) -> None:
            super().__init__(protocol, groups)
            made.append(self)
            Associations(self, 1).add(child_sa((CIPHER_BY_NAME["aes-128-gcm"], None)))
            Policies(self).replace([entry(1, "10.1.0.0/24", "10.2.0.0/24")])
            assert self.sas
            assert self.policies

    remove_leftovers(Kernel)
    assert not made[0].sas
    assert not made[0].policies


def test_without_ipsec_in_the_kernel_there_is_nothing_to_do() -> None:
    remove_leftovers(NoKernel)
