from gatewright.ike.v1.tasks import delete
from gatewright.wire.v1.payloads.delete import DeletePayload
from tests.unit.ike.v1.builders import core


def test_both_kinds() -> None:
    payload = delete.quick_mode_sas([0x1000, 0x2000])
    assert payload == DeletePayload(3, (bytes.fromhex("00001000"), bytes.fromhex("00002000")))
    sa = core()
    assert delete.main_mode_sa(sa) == DeletePayload(1, (sa.cookies,))


def test_what_the_peer_deletes() -> None:
    payload = delete.quick_mode_sas([0x1000, 0x2000])
    assert list(delete.deleted_pairs(payload)) == [0x1000, 0x2000]
    assert not list(delete.deleted_main_modes(payload))
    sa = core()
    assert list(delete.deleted_main_modes(delete.main_mode_sa(sa))) == [sa.cookies]
    assert not list(delete.deleted_pairs(delete.main_mode_sa(sa)))


def test_spis_of_a_wrong_length_are_nobody_s() -> None:
    assert not list(delete.deleted_pairs(DeletePayload(3, (b"\x01" * 8,))))
    assert not list(delete.deleted_pairs(DeletePayload(2, (b"\x01" * 4,))))
