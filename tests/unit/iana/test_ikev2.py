"""The tables of IKEv2 against each other and against the algorithms that stand elsewhere."""

from __future__ import annotations

import inspect

import pytest

from gatewright.iana import ikev2
from gatewright.iana.algorithms import CIPHERS, GROUPS, INTEGRITIES, PRFS
from gatewright.iana.registry import Registry

TABLES = [
    table
    for _, table in inspect.getmembers(ikev2, inspect.isclass)
    if issubclass(table, Registry) and table is not Registry
]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_each_row_has_one_number_an_rfc_and_a_meaning(table: type[Registry]) -> None:
    rows = list(table.__members__.values())
    assert len({int(row) for row in rows}) == len(rows)
    assert all(row.rfc and row.text for row in rows)


def test_errors_and_status_stand_on_their_sides_of_16384() -> None:
    assert ikev2.NotifyType.CHILD_SA_NOT_FOUND.is_error
    assert not ikev2.NotifyType.INITIAL_CONTACT.is_error
    assert ikev2.NotifyType.find(38) is ikev2.NotifyType.TS_UNACCEPTABLE
    assert ikev2.NotifyType.find(16393) is ikev2.NotifyType.REKEY_SA


def test_our_algorithms_have_the_numbers_of_the_transform_tables() -> None:
    for cipher in CIPHERS:
        assert ikev2.EncryptionId.find(cipher.ikev2) is not None
    for integrity in INTEGRITIES:
        assert ikev2.IntegrityId.find(integrity.ikev2) is not None
    for prf in PRFS:
        assert ikev2.PrfId.find(prf.ikev2) is not None
    for group in GROUPS:
        assert ikev2.GroupId.find(group.number) is not None


def test_a_number_that_is_not_in_a_table_is_printed_as_unknown() -> None:
    assert ikev2.NotifyType.describe(40999) == "unknown (40999)"
    assert ikev2.NotifyType.describe(24) == "AUTHENTICATION_FAILED (24)"
