"""The fast paths of the engine in words: what each saves, and which can be switched off."""

from __future__ import annotations

from collections.abc import Mapping

from gatewright.dataplane.interface import FastPath

SWITCHES = (
    "tun-segmentation",
    "tun-udp-segmentation",
    "udp-segmentation",
    "udp-merge",
    "ipsec-mb",
    "steady-core",
)
"""What ``gatewright run --without`` takes."""

_SAVES: Mapping[str, str] = {
    "vector-aes": "several AES blocks an instruction",
    "ipsec-mb": "AES-GCM in about two thirds of the time",
    "steady-core": "a packet thread's own choice of its processor core",
    "tun-segmentation": "TCP in segments of up to 64 KiB",
    "tun-udp-segmentation": "many UDP datagrams of a flow in one frame",
    "udp-segmentation": "many ESP packets a send call",
    "udp-merge": "many ESP packets a receive call",
    "large-buffers": "room for bursts",
}


def fast_path(name: str, place: str, state: str, why: str) -> FastPath:
    """A row of the engine with its words.  An unknown name or state is shown as it is."""
    return FastPath(name, _SAVES.get(name, name), place, state, why)
