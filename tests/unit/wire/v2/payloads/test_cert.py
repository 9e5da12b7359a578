"""Encoding and octets (RFC 7296 sections 3.6 and 3.7)."""

from __future__ import annotations

import pytest

from gatewright.wire.codec import Malformed
from gatewright.wire.v2.payloads.cert import CertPayload, CertRequestPayload


def test_octets_and_values() -> None:
    assert CertPayload.parse(b"\x04cert") == CertPayload(4, b"cert")
    assert CertPayload(4, b"cert").body() == b"\x04cert"
    assert CertRequestPayload.parse(b"\x04") == CertRequestPayload(4, b"")
    assert CertRequestPayload(4, b"hash").body() == b"\x04hash"


def test_nothing_at_all_is_malformed() -> None:
    for kind in (CertPayload, CertRequestPayload):
        with pytest.raises(Malformed):
            kind.parse(b"")
