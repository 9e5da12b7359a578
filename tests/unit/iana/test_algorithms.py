import hashlib

from gatewright.iana.algorithms import CIPHERS, GROUPS, INTEGRITIES, PRFS, Strength


def test_names_are_unique() -> None:
    for table in (CIPHERS, INTEGRITIES, PRFS, GROUPS):
        names = [row.name for row in table]
        assert len(set(names)) == len(names)


def test_digests_and_their_sizes_are_those_of_hashlib() -> None:
    for prf in PRFS:
        assert hashlib.new(prf.hash).digest_size == prf.output_len
    for integrity in INTEGRITIES:
        assert hashlib.new(integrity.hash).digest_size == integrity.key_len
        assert integrity.icv_len < integrity.key_len


def test_rows_stand_from_strong_to_weak() -> None:
    order = [Strength.MODERN, Strength.LEGACY, Strength.WEAK]
    for table in (CIPHERS, INTEGRITIES, PRFS, GROUPS):
        ranks = [order.index(row.strength) for row in table]
        assert ranks == sorted(ranks)
