"""Every section and key of a policy file, with what it means and its default.

One table for the reader (unknown keys, nearest right key, "that key belongs elsewhere") and for
``docs/policy-file.md``, which a test compares with it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """``default`` is text for people; "required" where there is none."""

    meaning: str
    default: str


SECTIONS: dict[str, dict[str, Key]] = {
    "policy": {
        "name": Key("the policy's name", "the file's name without .yaml"),
        "description": Key("free text", "none"),
        "interfaces": Key("the two interfaces of the gateway", "found by the addresses"),
        "engine": Key("what carries the packets: user-space, kernel or auto", "user-space"),
        "tunnels": Key("short form: tunnels by name", "none"),
        "filter_lists": Key("long form: filter lists by name", "none"),
        "filter_actions": Key("long form: filter actions by name", "permit and block"),
        "key_exchange": Key("long form: key-exchange settings by name", "default: modern"),
        "rules": Key("long form: rules by name", "none"),
    },
    "interfaces": {
        "internal": Key("the interface towards the own network", "those that are not external"),
        "external": Key(
            "the interface towards the Internet", "those that have the local endpoints"
        ),
    },
    "tunnel": {
        "local": Key("this gateway and its networks", "required"),
        "remote": Key("the other gateway and its networks", "required"),
        "authentication": Key("how the gateways prove who they are", "required"),
        "profile": Key("algorithms and settings by name: modern or windows-2003", "modern"),
        "algorithms": Key("algorithms written out, instead of the profile's", "the profile's"),
        "ike_version": Key("1 or 2", "the profile's: 2 for modern, 1 for windows-2003"),
        "start": Key("on-demand (by the first packet) or always", "on-demand"),
        "lifetimes": Key("how long keys live", "the profile's"),
        "pfs": Key("perfect forward secrecy of session keys: yes, no, or groups", "the profile's"),
        "esn": Key("offer extended sequence numbers (IKEv2)", "yes with IKEv2"),
        "dpd": Key("detection of a dead peer: off, or delay and timeout", "30s and 150s"),
        "nat_traversal": Key("auto, force or off", "auto"),
        "master_key_pfs": Key("a new IKE SA for each child SA", "no"),
        "connection_type": Key("all, lan or remote-access", "all"),
        "enabled": Key("whether the tunnel takes part", "yes"),
        "description": Key("free text", "none"),
    },
    "side": {
        "endpoint": Key("the gateway's external address", "required"),
        "networks": Key("the networks behind it", "required"),
        "identity": Key("what it calls itself in IKE", "its address"),
    },
    "authentication": {
        "preshared_key": Key("the name of the preshared key (not the key)", "required"),
    },
    "algorithms": {
        "ike": Key("security methods of the key exchange, in order", "the profile's"),
        "esp": Key("security methods of ESP, in order", "the profile's"),
    },
    "lifetimes": {
        "ike": Key("of the IKE SA (main mode)", "8h"),
        "esp": Key("of a session key", "1h"),
        "esp_kilobytes": Key(
            "of a session key, in kilobytes sent; 0 for no limit", "the profile's"
        ),
    },
    "dpd": {
        "delay": Key("silence after which the peer is asked", "30s"),
        "timeout": Key("IKEv1: silence after which the peer is given up", "150s"),
    },
    "filter list": {
        "filters": Key("the filters", "required"),
        "description": Key("free text", "none"),
    },
    "filter": {
        "source": Key("address, subnet, range, any, me, dns:NAME", "required"),
        "destination": Key("address, subnet, range, any, me, dns:NAME", "required"),
        "protocol": Key("any, tcp, udp, icmp, ... or a number", "any"),
        "source_port": Key("any, a port, or a range 1000-2000", "any"),
        "destination_port": Key("any, a port, or a range 1000-2000", "any"),
        "mirrored": Key("also select packets the other way round", "yes"),
        "description": Key("free text", "none"),
    },
    "filter action": {
        "action": Key("permit, block or negotiate", "required"),
        "profile": Key("security methods by name: modern or windows-2003", "modern"),
        "security_methods": Key("ESP algorithms and lifetimes, in order", "the profile's"),
        "session_key_pfs": Key("perfect forward secrecy of session keys", "as the methods say"),
        "accept_unsecured": Key("let matching clear packets in (not for tunnels)", "no"),
        "allow_fallback": Key("go on in clear when the peer does not answer", "no"),
        "description": Key("free text", "none"),
    },
    "security method": {
        "esp": Key("algorithms", "required"),
        "lifetime": Key("of the session key", "1h"),
        "lifetime_kilobytes": Key("of the session key, in kilobytes; 0 for no limit", "0"),
        "esn": Key("offer extended sequence numbers (IKEv2)", "yes"),
    },
    "key exchange": {
        "ike_version": Key("1 or 2", "the profile's"),
        "profile": Key("algorithms by name: modern or windows-2003", "modern"),
        "security_methods": Key("IKE algorithms, in order", "the profile's"),
        "lifetime": Key("of the IKE SA (main mode)", "8h"),
        "quick_modes": Key("child SAs per IKE SA; 0 for no limit", "0"),
        "master_key_pfs": Key("a new IKE SA for each child SA: quick_modes 1", "no"),
        "dpd": Key("detection of a dead peer: off, or delay and timeout", "30s and 150s"),
        "nat_traversal": Key("auto, force or off", "auto"),
    },
    "rule": {
        "filter_list": Key("the name of a filter list", "required"),
        "filter_action": Key("the name of a filter action", "required"),
        "authentication": Key("how the gateways prove who they are", "required in a tunnel rule"),
        "tunnel_endpoint": Key("the gateway that the packets go to", "none: not a tunnel"),
        "endpoint_identity": Key("what that gateway calls itself in IKE", "its address"),
        "connection_type": Key("all, lan or remote-access", "all"),
        "enabled": Key("whether the rule takes part", "yes"),
        "key_exchange": Key("the name of key-exchange settings", "default"),
        "tunnel": Key("a name that the two rules of a tunnel share", "the outbound rule's name"),
        "direction": Key(
            "outbound or inbound", "by the local addresses; else the first is outbound"
        ),
        "start": Key("on-demand (by the first packet) or always", "on-demand"),
        "description": Key("free text", "none"),
    },
}

# How messages name the sections.
PLACES: dict[str, str] = {
    "policy": "the top level",
    "interfaces": "`interfaces`",
    "tunnel": "a tunnel",
    "side": "`local` and `remote`",
    "authentication": "`authentication`",
    "algorithms": "`algorithms`",
    "lifetimes": "`lifetimes`",
    "dpd": "`dpd`",
    "filter list": "a filter list",
    "filter": "a filter",
    "filter action": "a filter action",
    "security method": "a security method",
    "key exchange": "a key exchange",
    "rule": "a rule",
}

# What other gateways call the same.
OTHER_WORDS: dict[str, str] = {
    "psk": "preshared_key",
    "secret": "preshared_key",
    "pre_shared_key": "preshared_key",
    "auth": "authentication",
    "left": "local",
    "right": "remote",
    "address": "endpoint",
    "gateway": "endpoint",
    "subnet": "networks",
    "subnets": "networks",
    "network": "networks",
    "traffic_selectors": "networks",
    "id": "identity",
    "proposals": "algorithms",
    "ciphers": "algorithms",
    "version": "ike_version",
    "keyexchange": "ike_version",
    "auto": "start",
    "rekey": "lifetimes",
    "lifetime": "lifetimes",
    "liveness": "dpd",
    "nat_t": "nat_traversal",
    "mirror": "mirrored",
    "src": "source",
    "dst": "destination",
    "port": "destination_port",
    "inpass": "accept_unsecured",
    "soft": "allow_fallback",
    "qmpfs": "session_key_pfs",
    "mmpfs": "master_key_pfs",
    "conntype": "connection_type",
    "activate": "enabled",
    "connections": "tunnels",
    "main_mode": "key_exchange",
}
