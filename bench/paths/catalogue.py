"""Every kind of path, by name."""

from __future__ import annotations

from bench.paths.ours import far_host, four_tunnels, gatewright
from bench.paths.path import Beside, Kind
from bench.paths.plain import forwarding, forwarding_packet_by_packet, link_like_a_card
from bench.paths.strongswan import strongswan
from bench.paths.wireguard import (
    boringtun_command,
    boringtun_missing,
    wireguard,
    wireguard_go_command,
    wireguard_go_missing,
)
from gatewright.lab.strongswan import StrongSwan

FORWARDING = Kind("forwarding", forwarding)
PACKET_BY_PACKET = Kind("forwarding, no offload", forwarding_packet_by_packet)
STRONGSWAN = Kind("strongSwan libipsec, UDP", strongswan, StrongSwan.missing)
WIREGUARD_GO = Kind("wireguard-go", wireguard(wireguard_go_command()), wireguard_go_missing)
BORINGTUN = Kind("boringtun-cli", wireguard(boringtun_command()), boringtun_missing)

# The ciphers are compared on the same two gateways: which core a packet thread has makes more of a
# difference than most of them do.
GCM = Kind(
    "UDP, AES-128-GCM",
    gatewright(
        "aes-128-gcm",
        "aes-256-gcm",
        "chacha20-poly1305",
        "aes-128-cbc / hmac-sha256-128",
        "3des-cbc / hmac-sha1-96",
        udp=True,
    ),
)
GCM_256 = Beside("UDP, AES-256-GCM", GCM, far_host(1))
CHACHA = Beside("UDP, ChaCha20-Poly1305", GCM, far_host(2))
CBC = Beside("UDP, AES-128-CBC, SHA-256", GCM, far_host(3))
TRIPLE_DES = Beside("UDP, 3DES, SHA-1", GCM, far_host(4))
PROTOCOL_50 = Kind("protocol 50, AES-128-GCM", gatewright("aes-128-gcm", udp=False))
CARD = Kind(
    "UDP over a card, AES-128-GCM",
    gatewright("aes-128-gcm", udp=True, prepare=link_like_a_card),
)
FOUR_TUNNELS = Kind("UDP, four tunnels", four_tunnels)
