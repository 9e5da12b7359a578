"""A policy to an ordered SPD and a PAD."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.compile import compile_policy
from gatewright.policy.compiled import (
    Action,
    CompiledPolicy,
    ConnectionType,
    IdentityType,
    IkeVersion,
    PresharedKey,
    StartMode,
)
from gatewright.policy.findings import PolicyError
from gatewright.policy.load import load_policy
from tests.unit.policy.samples import (
    LONG,
    SHORT,
    compiled,
    edited,
    refusal,
    refused,
    short,
    tunnel,
)

LISTS = """\
filter_lists:
  l:
    filters:
      - {FILTER}
rules:
  r: {filter_list: l, filter_action: ACTION}
"""


def plain(action: str, one: str) -> str:
    return LISTS.replace("{FILTER}", f"{{{one}}}").replace("ACTION", action)


def entries(policy: CompiledPolicy) -> list[str]:
    return [
        f"{e.action.value} {', '.join(map(str, e.local))} > {', '.join(map(str, e.remote))}"
        for e in policy.spd
    ]


def test_the_short_form() -> None:
    policy = compiled(SHORT)
    (one,) = policy.connections
    assert one.version is IkeVersion.V2
    assert (str(one.local), str(one.remote)) == ("203.0.113.1", "203.0.113.2")
    assert {each.gateways for each in policy.spd} == {(one.local, one.remote)}
    assert one.local_identity.type is IdentityType.ADDRESS
    assert one.remote_identity.value == "203.0.113.2"
    assert one.authentication == PresharedKey("branch-office")
    assert one.source == "p.yaml:3"
    (child,) = one.children
    assert (child.name, child.start) == ("branch office", StartMode.ON_DEMAND)
    assert all(proposal.esn and proposal.group for proposal in child.proposals)
    (entry,) = policy.spd
    assert entry.action is Action.PROTECT
    assert (entry.id, entry.tunnel, entry.child) == (child.policy_id, one.name, child.name)
    assert policy.secrets == {"branch-office"}
    assert policy.source == "p.yaml"


def test_the_long_form() -> None:
    (one,) = compiled(LONG).connections
    assert one.version is IkeVersion.V1
    assert [(p.cipher.name, p.prf.name, p.group.name) for p in one.proposals] == [
        ("3des-cbc", "prf-hmac-sha1", "modp-1024"),
        ("3des-cbc", "prf-hmac-md5", "modp-1024"),
        ("des-cbc", "prf-hmac-sha1", "modp-768"),
        ("des-cbc", "prf-hmac-md5", "modp-768"),
    ]
    (proposal,) = one.children[0].proposals
    assert proposal.integrity is not None
    assert (proposal.cipher.name, proposal.integrity.name) == ("des-cbc", "hmac-md5-96")
    assert (proposal.lifetime_seconds, proposal.lifetime_kilobytes) == (3600, 100_000)
    assert (proposal.group, proposal.esn) == (None, False)


def test_both_forms_may_stand_in_one_file() -> None:
    text = LONG + SHORT.partition("\n")[2].replace("203.0.113.2", "203.0.113.3").replace(
        "10.20", "10.30"
    )
    assert [one.name for one in compiled(text).connections] == ["branch office", "NetA to NetB"]


def test_the_settings_of_a_connection() -> None:
    (one,) = compiled(
        short("lifetimes: {ike: 4h}", "dpd: {delay: 5, timeout: 9}", "master_key_pfs: yes",
              "connection_type: lan", "start: always")
    ).connections  # fmt: skip
    assert (one.lifetime, one.dpd_delay, one.dpd_timeout, one.child_limit) == (14400, 5, 9, 1)
    assert one.connection_type is ConnectionType.LAN
    assert one.children[0].start is StartMode.ALWAYS


NETWORKS = [
    ("[192.168.10.0/24]", "[192.168.10.0/24, 192.168.11.0/24]"),
    ("[10.20.0.0/24]", "[10.20.0.0/24, 10.21.0.0/24]"),
]


def test_ikev2_has_one_child_for_all_networks() -> None:
    (one,) = compiled(edited(SHORT, *NETWORKS)).connections
    (child,) = one.children
    assert len(child.local) == len(child.remote) == 2


def test_ikev1_has_a_child_for_each_pair_of_networks() -> None:
    policy = compiled(short("profile: windows-2003", text=edited(SHORT, *NETWORKS)))
    (one,) = policy.connections
    assert len(one.children) == len(policy.spd) == 4
    assert len({child.policy_id for child in one.children}) == 4
    assert len({child.name for child in one.children}) == 4
    assert all(len(child.local) == len(child.remote) == 1 for child in one.children)


def test_both_ip_versions_inside_one_tunnel() -> None:
    text = edited(
        SHORT,
        ("[192.168.10.0/24]", "[192.168.10.0/24, fd00:a::/64]"),
        ("[10.20.0.0/24]", "[10.20.0.0/24, fd00:b::/64]"),
    )
    (child,) = compiled(text).connections[0].children
    assert [s.version for s in child.local] == [s.version for s in child.remote] == [4, 6]


def test_any_is_of_the_other_sides_version() -> None:
    text = edited(SHORT, ("[10.20.0.0/24]", "[any]"))
    assert entries(compiled(text)) == ["protect 192.168.10.0/24 > 0.0.0.0/0"]


def test_tunnels_between_the_same_gateways_share_an_ike_sa() -> None:
    second = tunnel("second", "192.168.11.0/24", "10.21.0.0/24").replace(
        "{preshared_key: second}", "{preshared_key: branch-office}"
    )
    policy = compiled(SHORT + second)
    (one,) = policy.connections
    assert one.name == "branch office"
    assert [child.name for child in one.children] == ["branch office", "second"]
    assert {entry.tunnel for entry in policy.spd} == {"branch office"}
    numbers = {entry.child: entry.id for entry in policy.spd}
    assert all(child.policy_id == numbers[child.name] for child in one.children)


def test_tunnels_that_differ_have_connections_of_their_own() -> None:
    assert (
        len(compiled(SHORT + tunnel("second", "192.168.11.0/24", "10.21.0.0/24")).connections) == 2
    )


def test_permit_and_block_rules_select_both_ways() -> None:
    one = "source: 10.0.0.0/8, destination: 192.0.2.1, protocol: tcp, destination_port: 25"
    assert sorted(entries(compiled(plain("block", one)))) == [
        "discard 10.0.0.0/8 protocol 6 > 192.0.2.1/32 protocol 6 port 25",
        "discard 192.0.2.1/32 protocol 6 port 25 > 10.0.0.0/8 protocol 6",
    ]
    assert all(line.startswith("bypass ") for line in entries(compiled(plain("permit", one))))


def test_me_is_each_address_of_this_gateway() -> None:
    text = plain("permit", "source: me, destination: 192.0.2.0/24")
    found = entries(
        compiled(text, "203.0.113.1", "10.0.0.1", "2001:db8::1", "127.0.0.1", "fe80::1")
    )
    assert "bypass 10.0.0.1/32 > 192.0.2.0/24" in found
    assert "bypass 203.0.113.1/32 > 192.0.2.0/24" in found
    assert len(found) == 4
    assert refusal(text).code == "me-unknown"


def resolver(name: str) -> Sequence[IPAddress]:
    known = {"b.example": ["203.0.113.9"], "hosts.example": ["192.0.2.1", "192.0.2.2"]}
    return [ip_address(text) for text in known.get(name, [])]


def test_names_are_looked_up_by_the_caller() -> None:
    text = edited(SHORT, ("203.0.113.2", "dns:b.example"))
    policy = compile_policy(load_policy(text, "p.yaml"), [], resolver)
    assert str(policy.connections[0].remote) == "203.0.113.9"
    filters = plain("block", "source: dns:hosts.example, destination: 198.51.100.0/24")
    assert len(compile_policy(load_policy(filters, "p.yaml"), [], resolver).spd) == 4
    assert refusal(text).code == "unresolved-name"
    with pytest.raises(PolicyError, match="no address"):
        compile_policy(
            load_policy(edited(text, ("b.example", "c.example")), "p.yaml"), [], resolver
        )


def test_of_a_names_addresses_the_one_of_the_other_ends_version_is_taken() -> None:
    both = [ip_address("2001:db8::9"), ip_address("203.0.113.9")]
    text = edited(SHORT, ("203.0.113.2", "dns:b.example"))
    policy = compile_policy(load_policy(text, "p.yaml"), [], lambda _: both)
    assert str(policy.connections[0].remote) == "203.0.113.9"


def test_a_tunnel_is_always_up_when_either_rule_says_so() -> None:
    text = edited(LONG, ("endpoint: 203.0.113.1", "endpoint: 203.0.113.1\n    start: always"))
    assert compiled(text).connections[0].children[0].start is StartMode.ALWAYS


def test_a_tunnel_with_the_name_of_another_ones_child() -> None:
    text = short("profile: windows-2003", text=edited(SHORT, *NETWORKS))
    text += tunnel('"branch office: 192.168.10.0/24 to 10.20.0.0/24"', "10.1.0.0/24", "10.2.0.0/24")
    text = text.replace('{preshared_key: "branch', '{preshared_key: b} # "')
    assert refusal(text).code == "duplicate-tunnel"


def test_the_most_specific_entry_stands_first() -> None:
    text = (
        SHORT
        + tunnel("all", "192.168.10.0/24", "10.0.0.0/8", peer="203.0.113.9")
        + """\
filter_lists: {l: {filters: {source: 192.168.10.7, destination: 10.20.0.0/24}}}
rules: {r: {filter_list: l, filter_action: block}}
"""
    )
    assert [entry.name for entry in compiled(text).spd] == ["r", "r", "branch office", "all"]


def test_disabled_tunnels_take_no_part() -> None:
    policy = compiled(short("enabled: no"))
    assert policy.connections == ()
    assert policy.spd == ()
    assert policy.secrets == frozenset()


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("203.0.113.2,", '"2001:db8::2",', "endpoint-versions"),
        ("[10.20.0.0/24]", '["fd00::/64"]', "nothing-selected"),
    ],
)
def test_versions_that_do_not_meet(old: str, new: str, code: str) -> None:
    assert refusal(edited(SHORT, (old, new))).code == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([("203.0.113.1\n    authentication: {preshared_key: branch-office}",
           "203.0.113.1\n    authentication: {preshared_key: other}")], "different-authentication"),
        ([("endpoint: 203.0.113.1", "endpoint: 203.0.113.1\n    connection_type: lan")],
         "different-connection-types"),
        ([("endpoint: 203.0.113.1", "endpoint: 203.0.113.1\n    key_exchange: x"),
          ("  default: {profile: windows-2003}", "  default: {profile: windows-2003}\n  x: {}")],
         "different-key-exchange"),
        ([('"IPSec tunnel: ESP DES/MD5"\n    tunnel_endpoint: 203.0.113.1',
           "other\n    tunnel_endpoint: 203.0.113.1"),
          ("filter_actions:\n", "filter_actions:\n  other: {action: negotiate}\n")],
         "different-filter-actions"),
    ],
)  # fmt: skip
def test_two_rules_that_disagree(changes: list[tuple[str, str]], code: str) -> None:
    assert refusal(edited(LONG, *changes)).code == code


def test_one_mistake_does_not_hide_another() -> None:
    text = short("ike_version: 1", "algorithms: {esp: chacha20-poly1305}") + tunnel(
        "second", "192.168.10.0/24", "dns:x.example"
    )
    assert {finding.code for finding in refused(text)} == {"not-in-ikev1", "unresolved-name"}
