from __future__ import annotations

from ipaddress import ip_address

import pytest

from gatewright.ike.machine import Address, Timing


@pytest.mark.parametrize(
    ("ip", "text"), [("192.0.2.1", "192.0.2.1:500"), ("2001:db8::1", "[2001:db8::1]:500")]
)
def test_an_address_is_written_so_that_its_port_can_be_told(ip: str, text: str) -> None:
    assert str(Address(ip_address(ip), 500)) == text


def test_the_defaults_give_a_peer_about_half_a_minute() -> None:
    timing = Timing()
    waits = [timing.first_retransmit * timing.backoff**n for n in range(timing.tries)]
    assert sum(waits) == 31


@pytest.mark.parametrize(("lifetime", "margin"), [(3600, 360), (60, 6), (20, 5), (6, 3), (1, 0.5)])
def test_a_short_life_has_time_for_a_message_to_be_sent_again(
    lifetime: float, margin: float
) -> None:
    assert Timing().margin(lifetime) == margin
