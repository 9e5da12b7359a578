import pickle

import pytest

from gatewright.ipsec.association import SaKeys
from gatewright.ipsec.secret import Secret


def test_no_way_of_printing_shows_the_octets() -> None:
    keys = SaKeys(Secret(b"topsecret"), Secret(b"topsecret"))
    for text in (repr(keys), str(keys), f"{keys.encryption}", format(keys.encryption)):
        assert "topsecret" not in text
        assert b"topsecret".hex() not in text
    assert keys.encryption.reveal() == b"topsecret"


def test_it_is_not_serialised() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(b"x"))
