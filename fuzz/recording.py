"""Real messages, to start from: ``python -m fuzz.recording`` records them anew.

``*.message`` are datagrams as they went over the network, ``*.chain`` the payloads inside the
encrypted ones, with the type of the first payload as their first octet.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from tests.support.gateways import Pair, child, connection, esp, ike, pair
from tests.support.gateways_v1 import WINDOWS_2003, tunnel

from fuzz.chains import HEADER, Link, split
from gatewright.ike.limits import Limits
from gatewright.ike.v1 import core as v1_core
from gatewright.ike.v1.tasks import informational as v1_informational
from gatewright.ike.v1.tasks import quick_mode as v1_quick
from gatewright.ike.v2 import keyring as v2_keyring
from gatewright.policy.compiled import IkeVersion
from gatewright.wire.v1 import message as v1_message
from gatewright.wire.v1.payload import Payload as V1Payload
from gatewright.wire.v2 import message as v2_message

FOLDER = Path(__file__).with_name("corpus")
LIFE = 900.0  # seconds of virtual time: rekeys of both kinds, liveness checks


@dataclass(frozen=True, slots=True)
class Corpus:
    """Of one version of IKE."""

    messages: tuple[bytes, ...]
    chains: tuple[tuple[int, bytes], ...]

    @property
    def links(self) -> list[Link]:
        """All payloads, of messages in clear and of chains."""
        in_clear = [split(each[16], each[HEADER:]) for each in self.messages if not each[19] & 1]
        inside = [split(first, octets) for first, octets in self.chains]
        return [link for links in (*in_clear, *inside) for link in links]


def load(version: IkeVersion) -> Corpus:
    """What has been recorded."""
    files = sorted((FOLDER / f"v{int(version)}").iterdir())
    octets = [(each.suffix, each.read_bytes()) for each in files]
    return Corpus(
        tuple(each for suffix, each in octets if suffix == ".message"),
        tuple((each[0], each[1:]) for suffix, each in octets if suffix == ".chain"),
    )


def gateways(version: IkeVersion, seed: int, *, variant: int = 0) -> Pair:
    """Two gateways with short lifetimes, so that much happens in little time."""
    if version is IkeVersion.V1:
        methods = child(esp("aes-128-cbc/hmac-sha256-128+ecp-256", seconds=200))
        proposals = [WINDOWS_2003] if variant else [ike("aes-128-cbc/prf-hmac-sha256/ecp-256")]
        side = tunnel(methods, proposals=proposals, lifetime=500, dpd_delay=60)
    else:
        proposals = [ike("aes-256-cbc/hmac-sha256-128/prf-hmac-sha256/ecp-256")] if variant else []
        side = connection(
            child(esp("aes-128-gcm+x25519", seconds=200)),
            proposals=proposals or [ike("aes-128-gcm/prf-hmac-sha256/x25519")],
            lifetime=500,
            dpd_delay=60,
        )
    limits = Limits(cookie_threshold=0) if variant else None
    return pair(side, seed=seed, limits=limits)


def record(version: IkeVersion) -> tuple[list[bytes], list[tuple[int, bytes]]]:
    """Whole lives of tunnels: messages as sent, chains as they were before encryption."""
    messages: list[bytes] = []
    chains: list[tuple[int, bytes]] = []

    def v1_chain(payloads: Sequence[V1Payload]) -> bytes:
        octets = v1_message.emit_chain(payloads)
        if payloads:
            chains.append((payloads[0].number, octets))
        return octets

    def v2_chain(payloads: Sequence[v2_message.Payload]) -> tuple[int, bytes]:
        chains.append(v2_message.emit_chain(payloads))
        return chains[-1]

    with (
        patch.object(v1_core, "emit_chain", v1_chain),
        patch.object(v1_informational, "emit_chain", v1_chain),
        patch.object(v1_quick, "emit_chain", v1_chain),
        patch.object(v2_keyring, "emit_chain", v2_chain),
    ):
        for variant in (0, 1):
            pair_ = gateways(version, variant, variant=variant)
            pair_.endpoint_a.up("branch", pair_.network.now)
            pair_.network.run(LIFE)
            pair_.endpoint_b.down("branch", pair_.network.now)
            pair_.network.run(10)
            messages += [packet.payload for _, packet in pair_.network.carried]
    return messages, chains


def _one_of_each(messages: list[bytes], chains: list[tuple[int, bytes]]) -> Iterator[bytes | None]:
    """Those of which there is no like one before: the same payloads of the same lengths."""
    seen: set[object] = set()
    forms: list[tuple[object, bytes]] = [
        *(((each[16:20], len(each)), each) for each in messages),
        *((_form(each), bytes((each[0],)) + each[1]) for each in chains),
    ]
    for form, octets in forms:
        yield None if form in seen else octets
        seen.add(form)


def _form(chain: tuple[int, bytes]) -> object:
    return tuple((link.kind, len(link.body)) for link in split(*chain))


def main() -> int:
    for version in IkeVersion:
        folder = FOLDER / f"v{int(version)}"
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        messages, chains = record(version)
        for number, octets in enumerate(_one_of_each(messages, chains)):
            suffix = "message" if number < len(messages) else "chain"
            if octets is not None:
                (folder / f"{number:03}.{suffix}").write_bytes(octets)
    return 0


if __name__ == "__main__":
    sys.exit(main())
