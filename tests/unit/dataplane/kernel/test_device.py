from __future__ import annotations

import errno
import fcntl

import pytest

from gatewright.dataplane.interface import DataPlaneError
from gatewright.dataplane.kernel import device
from gatewright.dataplane.kernel.device import Device

Calls = list[tuple[int, object]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What was asked of the kernel; the device itself is tried in tests/netns."""
    asked: Calls = []

    def ioctl(_descriptor: object, number: int, argument: object) -> int:
        asked.append((number, argument))
        return 0

    monkeypatch.setattr(device, "_TUN", "/dev/null")
    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    return asked


def refusing(monkeypatch: pytest.MonkeyPatch, number: int, times: int = 99) -> Calls:
    asked: Calls = []

    def ioctl(_descriptor: object, call: int, argument: object) -> int:
        asked.append((call, argument))
        if len(asked) <= times:
            raise OSError(number, "refused")
        return 0

    monkeypatch.setattr(device, "_TUN", "/dev/null")
    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    return asked


def test_it_is_persistent_and_wide_and_removed_on_demand(calls: Calls) -> None:
    one = Device("gwtest0")
    one.open()
    one.open()
    attach, persist, mtu = calls
    assert attach[0] == 0x400454CA
    assert bytes(attach[1])[:18] == b"gwtest0".ljust(16, b"\0") + (0x5001).to_bytes(2, "little")  # type: ignore[call-overload]
    assert persist == (0x400454CB, 1)
    assert bytes(mtu[1])[16:20] == (65535).to_bytes(4, "little")  # type: ignore[call-overload]
    one.close(remove=True)
    assert calls[3:] == [(0x400454CB, 0)]
    one.close(remove=True)
    assert len(calls) == 4


def test_it_stays_when_the_gateway_only_stops(calls: Calls) -> None:
    one = Device("gwtest0")
    one.open()
    one.close(remove=False)
    assert len(calls) == 3


def test_one_of_several_queues_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = refusing(monkeypatch, errno.EINVAL, times=1)
    one = Device("gwtest0")
    one.open()
    assert bytes(asked[1][1])[16:18] == (0x5101).to_bytes(2, "little")  # type: ignore[call-overload]
    one.close(remove=False)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EBUSY, "second gateway"),
        (errno.EINVAL, "another interface"),
        (errno.EPERM, "refused"),
    ],
)
def test_a_refusal_is_explained(monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    refusing(monkeypatch, number)
    with pytest.raises(DataPlaneError, match=words):
        Device("gwtest0").open()


def test_a_machine_without_tun_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_TUN", "/dev/net/none")
    with pytest.raises(DataPlaneError, match="/dev/net/none cannot be opened"):
        Device("gwtest0").open()
