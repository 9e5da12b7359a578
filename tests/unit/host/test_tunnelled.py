from __future__ import annotations

from dataclasses import replace

from gatewright.host import guards
from gatewright.host.names import HostNames
from gatewright.host.tunnelled import shown_by
from gatewright.policy.compiled import Engine
from tests.support.policies import entry, policy

NAMES = HostNames()
POLICY = policy(entry(7, "192.168.10.0/24", "10.20.0.0/24"))
WITH_KERNEL = replace(POLICY, engine=Engine.KERNEL)


def test_the_user_space_engine_has_the_tunnel_in_its_device() -> None:
    shows = shown_by(Engine.USER_SPACE, NAMES)
    assert shows.leaving == ('oifname { "gatewright0", "lo" }',)
    assert shows.arrived == ('iifname { "gatewright0", "lo" }',)
    assert "ipsec" not in guards.ruleset(POLICY, NAMES, ["wan"]).text


def test_the_kernel_has_it_in_route_and_security_path() -> None:
    chains = guards.ruleset(WITH_KERNEL, NAMES).chains
    outbound, inbound = chains["outbound"], chains["inbound"]
    assert outbound[2] == 'oifname { "gatewright0", "lo" } return'
    assert all(rule.startswith("rt ipsec exists ct ") for rule in outbound[3:6])
    assert inbound[:2] == ['iifname "lo" return', "meta ipsec exists return"]
    assert outbound[-1].endswith("counter name protect_out_7 drop")
    assert inbound[-1].endswith("counter name protect_in_7 drop")


def test_with_the_kernel_nothing_is_excused_for_coming_from_the_tun_device() -> None:
    chains = guards.ruleset(WITH_KERNEL, NAMES).chains
    rules = [*chains["inbound"], *chains["passing"]]
    assert not [rule for rule in rules if "gatewright0" in rule]


def test_what_the_kernel_decrypted_does_not_leave_by_an_external_interface() -> None:
    first = guards.ruleset(WITH_KERNEL, NAMES, ["wan"]).chains["passing"][0]
    assert first.startswith('meta ipsec exists rt ipsec missing oifname { "wan" } ')
    assert first.endswith("counter name protect_out_7 drop")


def test_what_the_kernel_protects_keeps_its_source_and_no_other_engine_pays_for_that() -> None:
    chain = guards.ruleset(WITH_KERNEL, NAMES).chains["untranslated"]
    assert chain == ["rt ipsec exists snat ip to ip saddr", "rt ipsec exists snat ip6 to ip6 saddr"]
    plain = guards.ruleset(POLICY, NAMES)
    assert "untranslated" not in plain.chains
    assert "delete chain inet gatewright untranslated\n" in plain.text
    assert " ct " not in plain.text
