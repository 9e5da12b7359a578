"""Octets into the parsers of both versions: a value, or `Malformed`, in a time that is bounded.

What was parsed from changed octets must come out of the emitter as what it is: parsed again, it
is the same.
"""

from __future__ import annotations

import random
from functools import cache

from fuzz.chains import HEADER
from fuzz.mutate import Mutator
from fuzz.recording import Corpus, load
from gatewright.policy.compiled import IkeVersion
from gatewright.wire.codec import Malformed
from gatewright.wire.v1 import message as v1
from gatewright.wire.v2 import message as v2

corpus = cache(load)


def parse_message(version: IkeVersion, octets: bytes) -> None:
    """A datagram, its chain in clear included."""
    try:
        if version is IkeVersion.V1:
            v1.Message.parse(octets).chain()
        else:
            v2.Message.parse(octets)
    except Malformed:
        return


def parse_chain(version: IkeVersion, first: int, octets: bytes) -> None:
    """What was decrypted; and the same again after it was emitted."""
    try:
        if version is IkeVersion.V1:
            chain = v1.parse_chain(first, octets, padded=True)
            again = v1.emit_chain(chain.payloads)
            assert v1.parse_chain(first, again).payloads == chain.payloads, "emitted otherwise"
        else:
            payloads = v2.parse_chain(first, octets)
            kind, emitted = v2.emit_chain(payloads)
            assert v2.parse_chain(kind, emitted) == payloads, "emitted otherwise"
    except Malformed:
        return


def run(version: IkeVersion, seed: int) -> None:
    """One changed message and one changed chain."""
    recorded: Corpus = corpus(version)
    source = random.Random(seed)
    mutator = Mutator(source, recorded.links)
    parse_message(version, mutator.message(source.choice(recorded.messages)))
    first, octets = source.choice(recorded.chains)
    header = recorded.messages[0][:16] + bytes((first,)) + recorded.messages[0][17:HEADER]
    changed = mutator.message(header + octets)
    if len(changed) > HEADER:
        parse_chain(version, changed[16], changed[HEADER:])
