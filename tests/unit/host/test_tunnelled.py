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
    assert shows.arrived == 'iifname "gatewright0"'
    assert shows.by_device
    assert "ipsec" not in guards.ruleset(POLICY, NAMES, ["wan"]).text


def test_the_kernel_has_it_in_route_and_security_path() -> None:
    chains = guards.ruleset(WITH_KERNEL, NAMES).chains
    outbound, inbound = chains["outbound"], chains["inbound"]
    assert outbound[1] == "rt ipsec exists jump sealed"
    assert chains["sealed"] == [
        "ct status & snat == 0 accept",
        "ct direction reply accept",
        "ct state untracked accept",
    ]
    assert inbound[1] == "meta ipsec exists accept"
    assert chains["no_ether_in"] == ['iifname "lo" accept']
    assert outbound[-1].endswith("counter name protect_out_7 drop")
    assert inbound[-1].endswith("counter name protect_in_7 drop")


def test_with_the_kernel_nothing_is_excused_for_coming_from_the_tun_device() -> None:
    chains = guards.ruleset(WITH_KERNEL, NAMES, ["wan"]).chains
    found = {chain for chain, rules in chains.items() if "gatewright0" in " ".join(rules)}
    assert found == {"no_ether_out"}


def test_what_the_kernel_decrypted_does_not_leave_by_an_external_interface() -> None:
    chains = guards.ruleset(WITH_KERNEL, NAMES, ["wan"]).chains
    assert chains["passing"][0] == "meta ipsec exists goto from_tunnel"
    assert chains["from_tunnel"] == ['rt ipsec missing oifname "wan" goto strayed', "accept"]
    assert chains["strayed"][0].endswith("counter name protect_out_7 drop")


def test_what_the_kernel_protects_keeps_its_source_and_no_other_engine_pays_for_that() -> None:
    chain = guards.ruleset(WITH_KERNEL, NAMES).chains["untranslated"]
    assert list(chain) == [
        "rt ipsec exists snat ip to ip saddr",
        "rt ipsec exists snat ip6 to ip6 saddr",
    ]
    plain = guards.ruleset(POLICY, NAMES)
    assert "untranslated" not in plain.chains
    assert " ct " not in plain.text
