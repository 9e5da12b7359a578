"""Policies of all kinds, as Hypothesis draws them."""

from __future__ import annotations

from ipaddress import ip_network

from hypothesis import strategies as st


def repr_yaml(text: str) -> str:
    """The text as a double-quoted YAML scalar."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


NAMES = st.text("abc XYZ0-_:,#'\"[]{}&*!|>%@`~é", min_size=1, max_size=12).filter(
    lambda name: name == name.strip() and name.isprintable()
)
SECRETS = st.from_regex(r"[a-z][a-z0-9._-]{0,8}", fullmatch=True).filter(
    lambda name: not name.startswith("0x")
)
V4 = st.builds(
    lambda bits, prefix: str(ip_network((bits << 8, prefix), strict=False)),
    st.integers(0x0A0000, 0x0AFFFF),
    st.integers(8, 32),
)
V6 = st.builds(
    lambda bits, prefix: str(ip_network((bits << 64, prefix), strict=False)),
    st.integers(0xFD000000_00000000, 0xFD000000_0000FFFF),
    st.integers(16, 64),
)
DURATIONS = st.integers(1, 10**6).map(str) | st.sampled_from(["8h", "90m", "1h30m5s"])
TUNNEL_SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "start": st.sampled_from(["on-demand", "always"]),
        "pfs": st.sampled_from(["no", "ecp-384", "[ecp-256, modp-2048]"]),
        "lifetimes": st.builds("{{ike: {}, esp: {}}}".format, DURATIONS, DURATIONS),
        "dpd": st.sampled_from(["off", "{delay: 10s, timeout: 1m}"]),
        "nat_traversal": st.sampled_from(["auto", "force", "off"]),
        "master_key_pfs": st.sampled_from(["yes", "no"]),
        "connection_type": st.sampled_from(["all", "lan", "remote-access"]),
        "esn": st.sampled_from(["yes", "no"]),
        "description": NAMES.map(repr_yaml),
        "algorithms": st.sampled_from(
            [
                "{ike: aes-256-gcm / prf-hmac-sha384 / ecp-384}",
                "{ike: [aes-128-cbc / hmac-sha256-128 / modp-2048, 3des-cbc / hmac-sha1-96 /"
                " modp-1024]}",
            ]
        ),
    },
)
LEGACY_SETTINGS = st.fixed_dictionaries(
    {"profile": st.just("windows-2003")},
    optional={
        "pfs": st.sampled_from(["yes", "no", "modp-2048"]),
        "algorithms": st.just("{esp: [des-cbc / hmac-md5-96]}"),
        "enabled": st.sampled_from(["yes", "no"]),
    },
)


@st.composite
def tunnels(draw: st.DrawFn, name: str, number: int) -> str:
    family = draw(st.sampled_from([V4, V6]))
    local = draw(st.lists(family, min_size=1, max_size=3, unique=True))
    remote = draw(st.lists(family, min_size=1, max_size=3, unique=True) | st.just(["any"]))
    settings = draw(TUNNEL_SETTINGS | LEGACY_SETTINGS)
    identity = draw(st.sampled_from(["", ", identity: gw.example.org", ", identity: key-id:0a0b"]))
    lines = [
        f"  {repr_yaml(name)}:",
        f"    local: {{endpoint: 203.0.113.1, networks: [{', '.join(map(repr_yaml, local))}]}}",
        f"    remote: {{endpoint: 198.51.100.{number}, networks: "
        f"[{', '.join(map(repr_yaml, remote))}]{identity}}}",
        f"    authentication: {{preshared_key: {draw(SECRETS)}}}",
        *(f"    {key}: {value}" for key, value in settings.items()),
    ]
    return "\n".join(lines)


@st.composite
def plain_rules(draw: st.DrawFn) -> str:
    """Permit and block rules in the long form."""
    lists, rules = ["filter_lists:"], ["rules:"]
    for index in range(draw(st.integers(1, 3))):
        lists += [f"  list {index}:", "    filters:"]
        for _ in range(draw(st.integers(1, 3))):
            source, destination = draw(V4), draw(V4 | st.just("any"))
            extra = draw(
                st.sampled_from(["", ", protocol: udp", ", protocol: tcp, destination_port: 80-90"])
            )
            lists.append(f"      - {{source: {source}, destination: {destination}{extra}}}")
        action = draw(st.sampled_from(["permit", "block"]))
        rules += [
            f"  rule {index}:",
            f"    filter_list: list {index}",
            f"    filter_action: {action}",
        ]
    return "\n".join([*lists, *rules])


@st.composite
def policies(draw: st.DrawFn) -> str:
    """The text of a policy that loads; whether it compiles depends on what was drawn."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    parts = [f"name: {repr_yaml(draw(NAMES))}", "tunnels:"]
    parts += [draw(tunnels(name, number)) for number, name in enumerate(names, start=1)]
    if draw(st.booleans()):
        parts.append(draw(plain_rules()))
    if draw(st.booleans()):
        parts.append("interfaces: {internal: eth1, external: eth0}")
    return "\n".join(parts) + "\n"
