"""What the checks look at."""

from __future__ import annotations

from gatewright.policy.addresses import Surroundings
from gatewright.policy.checks.view import View, locals_of, remotes_of
from gatewright.policy.compile import compile_parts
from gatewright.policy.expand import expand
from gatewright.policy.load import load_policy
from tests.unit.policy.samples import LONG, SHORT, edited, short


def view(text: str) -> View:
    policy = load_policy(text, "p.yaml")
    parts = compile_parts(policy, Surroundings.of((), None))
    return View(policy, expand(policy), parts, (), None)


def test_the_form_of_a_tunnel() -> None:
    for text, is_short in ((SHORT, True), (LONG, False)):
        seen = view(text)
        assert seen.is_short(seen.parts.tunnels[0]) is is_short


def test_each_protection_once_though_two_rules_use_it() -> None:
    (one,) = view(LONG).protections()
    assert one.title == "tunnel `NetA to NetB`"
    assert one.place.line == 17
    assert list(view(short("enabled: no")).protections()) == []


def test_the_networks_of_a_tunnel() -> None:
    text = edited(SHORT, ("[10.20.0.0/24]", "[10.20.0.0/24, 10.21.0.0/24]"))
    (tunnel,) = view(short("profile: windows-2003", text=text)).parts.tunnels
    assert [str(one) for one in locals_of(tunnel)] == ["192.168.10.0/24"]
    assert [str(one) for one in remotes_of(tunnel)] == ["10.20.0.0/24", "10.21.0.0/24"]
