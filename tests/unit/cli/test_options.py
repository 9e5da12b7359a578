from __future__ import annotations

from ipaddress import ip_address

import pytest
import typer

from gatewright.cli.exits import Exit
from gatewright.cli.options import addresses
from tests.unit.cli.conftest import Commands, invoke


def test_addresses_of_both_versions_in_the_order_given() -> None:
    given = addresses(["2001:db8::1", "192.0.2.1"])
    assert given == (ip_address("2001:db8::1"), ip_address("192.0.2.1"))
    assert addresses(None) == ()


@pytest.mark.parametrize("text", ["", "router", "192.0.2.0/24", "192.0.2.256"])
def test_what_is_no_address_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        addresses([text])


def test_the_environment_names_the_socket(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWRIGHT_CONTROL", str(commands.control))
    assert invoke("status").exit_code == Exit.DONE


@pytest.mark.parametrize("seconds", ["-1", "601", "soon"])
def test_a_wait_that_the_gateway_would_refuse_is_wrong_usage(seconds: str) -> None:
    result = invoke("up", "branch", "--wait", seconds)
    assert result.exit_code == Exit.USAGE
    assert "--wait" in result.stderr
