from gatewright.iana.algorithms import CIPHERS, INTEGRITIES, PRFS
from gatewright.iana.ikev1 import (
    AuthenticationAlgorithm,
    EncryptionAlgorithm,
    EspTransform,
    HashAlgorithm,
    NotifyType,
    PayloadType,
)


def test_each_algorithm_row_has_its_ikev1_numbers_here() -> None:
    for cipher in CIPHERS:
        assert cipher.ikev1 is None or EncryptionAlgorithm.find(cipher.ikev1)
        assert cipher.doi is None or EspTransform.find(cipher.doi)
    assert all(prf.ikev1 is None or HashAlgorithm.find(prf.ikev1) for prf in PRFS)
    assert all(row.doi is None or AuthenticationAlgorithm.find(row.doi) for row in INTEGRITIES)


def test_errors_and_status_notifies_are_told_apart() -> None:
    assert NotifyType.NO_PROPOSAL_CHOSEN.is_error
    assert NotifyType.NOTIFY_STATUS.is_error
    assert not NotifyType.INITIAL_CONTACT.is_error
    assert not NotifyType.R_U_THERE.is_error


def test_nat_traversal_has_the_numbers_of_the_rfc_and_of_the_draft() -> None:
    assert (PayloadType.NAT_D, PayloadType.NAT_OA) == (20, 21)
    assert (PayloadType.NAT_D_DRAFT, PayloadType.NAT_OA_DRAFT) == (130, 131)
