from __future__ import annotations

import pytest

from gatewright.daemon.secret_switch import SecretSwitch
from tests.support.gateways import Keys


def test_before_a_policy_there_is_no_key() -> None:
    with pytest.raises(KeyError, match="branch"):
        SecretSwitch().preshared_key("branch")


def test_keys_are_those_of_the_policy_in_force() -> None:
    switch = SecretSwitch()
    switch.use(Keys(branch=b"old"))
    assert switch.preshared_key("branch").reveal() == b"old"
    switch.use(Keys(branch=b"new"))
    assert switch.preshared_key("branch").reveal() == b"new"
