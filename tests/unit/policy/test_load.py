"""The top level of a policy file."""

from __future__ import annotations

import pytest

from gatewright.policy.compiled import Engine
from gatewright.policy.expand import expand
from gatewright.policy.load import load_policy
from gatewright.policy.model import Interfaces
from gatewright.policy.write import write_long_form
from tests.unit.policy.samples import SHORT, edited, refusal


def test_name_description_and_interfaces() -> None:
    text = SHORT + "description: two offices\ninterfaces: {internal: eth1, external: eth0.100}\n"
    policy = load_policy(text, "p.yaml")
    assert policy.name == "joined"
    assert policy.description == "two offices"
    assert policy.interfaces == Interfaces("eth1", "eth0.100")
    assert policy.filename == "p.yaml"


@pytest.mark.parametrize("engine", list(Engine))
def test_the_engine(engine: Engine) -> None:
    policy = load_policy(f"{SHORT}engine: {engine.value}\n", "p.yaml")
    assert policy.engine is engine
    assert load_policy(write_long_form(expand(policy)), "p.yaml").engine is engine
    assert load_policy(SHORT, "p.yaml").engine is Engine.USER_SPACE
    assert "user-space" in str(refusal(f"{SHORT}engine: ebpf\n"))


@pytest.mark.parametrize(
    ("filename", "name"),
    [("/etc/gatewright/office.yaml", "office"), ("office", "office"), ("", "policy")],
)
def test_a_policy_without_a_name_has_that_of_its_file(filename: str, name: str) -> None:
    assert load_policy(edited(SHORT, ("name: joined\n", "")), filename).name == name


def test_places_are_lines_of_the_file() -> None:
    policy = load_policy("# comment\n\n" + SHORT, "p.yaml")
    assert str(policy.tunnels[0].place) == "p.yaml:5"


def test_an_interface_that_cannot_be() -> None:
    finding = refusal(SHORT + "interfaces:\n  external: far-too-long-for-linux\n")
    assert finding.place.line == 8
    assert "15 characters" in finding.why


def test_the_number_of_filters_is_bounded() -> None:
    """Each local network counts with each remote one, so that a short text can mean a lot."""
    networks = ", ".join(f"10.{n // 250}.{n % 250}.0/24" for n in range(400))
    text = edited(SHORT, ("192.168.10.0/24", networks), ("10.20.0.0/24", networks))
    assert refusal(text).code == "too-many-filters"


def test_the_message_of_a_refusal_names_the_file() -> None:
    assert str(refusal("tunels: {}\n")).startswith("p.yaml:1: error: `tunels`")
