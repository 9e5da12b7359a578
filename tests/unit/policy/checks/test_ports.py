"""Tunnel filters by protocol or port."""

from __future__ import annotations

import pytest

from gatewright.policy.findings import Severity
from tests.unit.policy.samples import LONG, edited, found, one

TCP = [
    ("{source: 192.168.10.0/255.255.255.0, destination: 10.20.0.0/24,",
     "{source: 192.168.10.0/24, destination: 10.20.0.0/24, protocol: tcp, destination_port: 80,"),
    ("{source: 10.20.0.0/24, destination: 192.168.10.0/24,",
     "{source: 10.20.0.0/24, destination: 192.168.10.0/24, protocol: tcp, source_port: 80,"),
]  # fmt: skip
MODERN = [
    ("  default: {profile: windows-2003}", "  default: {profile: modern}"),
    ("{esp: des-cbc / hmac-md5-96, lifetime: 3600, lifetime_kilobytes: 100000}", "aes-128-gcm"),
]


@pytest.mark.parametrize(
    ("changes", "severity"), [(TCP, Severity.ERROR), (TCP + MODERN, Severity.WARNING)]
)
def test_a_protocol_specific_tunnel(changes: list[tuple[str, str]], severity: Severity) -> None:
    finding = one(found(edited(LONG, *changes)), "specific-tunnel-filter")
    assert finding.severity is severity
    assert finding.place.line == 5
    assert "protocol tcp, destination port 80" in finding.what
    assert "remove" in finding.instead


def test_permit_and_block_may_be_specific() -> None:
    text = """\
filter_lists: {l: {filters: {source: 10.0.0.0/8, destination: 192.0.2.0/24, protocol: tcp}}}
rules: {r: {filter_list: l, filter_action: block}}
"""
    assert found(text) == ()
