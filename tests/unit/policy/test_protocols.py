"""Names of protocols."""

from __future__ import annotations

from gatewright.policy.protocols import IP_PROTOCOLS, protocol_name


def test_a_name_is_written_for_each_number_that_has_one() -> None:
    assert protocol_name(0) == "any"
    assert protocol_name(6) == "tcp"
    assert protocol_name(200) == "200"
    assert all(protocol_name(number) == name for name, number in IP_PROTOCOLS.items())
