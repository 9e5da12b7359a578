"""Removes what a data plane in the kernel left behind when it was killed."""

from __future__ import annotations

from gatewright.dataplane.kernel.associations import Associations
from gatewright.dataplane.kernel.netlink import NetlinkSocket
from gatewright.dataplane.kernel.policies import Policies


def remove_leftovers(netlink: type[NetlinkSocket] = NetlinkSocket) -> None:
    """Delete our SAs and policies, and no others; nothing where the kernel has no IPsec.

    Raises DataPlaneError: the kernel refused.
    """
    try:
        kernel = netlink()
    except OSError:
        return
    try:
        Associations(kernel, mark=0).clear()
        Policies(kernel).clear()
    finally:
        kernel.close()
