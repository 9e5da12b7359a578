"""Changes to octets and to chains of payloads, drawn from one random source."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from fuzz.chains import HEADER, Link, join, split, with_body, with_chain

SA_PAYLOADS = (1, 33)  # of IKEv1 and IKEv2
_DOI_AND_SITUATION = 8
_HUGE = 4000
_INTERESTING = (0, 1, 2, 3, 4, 0x7F, 0x80, 0xFE, 0xFF)


class Mutator:
    """``spare`` are links of other messages, for transplants."""

    def __init__(self, source: random.Random, spare: Sequence[Link] = ()) -> None:
        self.random = source
        self._spare = spare

    # --- octets ------------------------------------------------------------------------------

    def octets(self, data: bytes) -> bytes:
        """A few changes without regard to what the octets mean."""
        for _ in range(self.random.choice((1, 1, 1, 2, 4))):
            data = self.random.choice(_OCTET_CHANGES)(self, data)
        return data

    def _flip(self, data: bytes) -> bytes:
        if not data:
            return data
        place = self.random.randrange(len(data))
        bit = 1 << self.random.randrange(8)
        return data[:place] + bytes((data[place] ^ bit,)) + data[place + 1 :]

    def _set(self, data: bytes) -> bytes:
        if not data:
            return data
        place, value = self.random.randrange(len(data)), self.random.choice(_INTERESTING)
        return data[:place] + bytes((value,)) + data[place + 1 :]

    def _set_word(self, data: bytes) -> bytes:
        """A length or a count, likely: near what is left, or an extreme."""
        if len(data) < 2:
            return data
        place = self.random.randrange(len(data) - 1)
        left = len(data) - place
        value = self.random.choice((0, 1, 3, 4, left - 1, left, left + 1, 0x8000, 0xFFFF))
        return data[:place] + (value & 0xFFFF).to_bytes(2, "big") + data[place + 2 :]

    def _cut(self, data: bytes) -> bytes:
        return data[: self.random.randrange(len(data) + 1)]

    def _insert(self, data: bytes) -> bytes:
        place = self.random.randrange(len(data) + 1)
        length = self.random.choice((1, 2, 4, 8, 64))
        return data[:place] + self.random.randbytes(length) + data[place:]

    def _remove(self, data: bytes) -> bytes:
        place = self.random.randrange(len(data) + 1)
        return data[:place] + data[place + self.random.choice((1, 2, 4, 8)) :]

    def _repeat(self, data: bytes) -> bytes:
        place = self.random.randrange(len(data) + 1)
        piece = data[place : place + self.random.choice((4, 8, 32))]
        return data[:place] + piece * self.random.choice((1, 2, 50)) + data[place:]

    # --- chains ------------------------------------------------------------------------------

    def chain(self, links: Sequence[Link]) -> list[Link]:
        """A few changes to payloads; their lengths stay right."""
        changed = list(links)
        for _ in range(self.random.choice((1, 1, 2, 3))):
            changed = self.random.choice(_CHAIN_CHANGES)(self, changed)
        return changed

    def _drop(self, links: list[Link]) -> list[Link]:
        if links:
            del links[self.random.randrange(len(links))]
        return links

    def _double(self, links: list[Link]) -> list[Link]:
        if not links:
            return links
        times = self.random.choice((1, 1, 2, 70))
        return [*links, *[self.random.choice(links)] * times]

    def _shuffle(self, links: list[Link]) -> list[Link]:
        self.random.shuffle(links)
        return links

    def _transplant(self, links: list[Link]) -> list[Link]:
        if self._spare:
            place = self.random.randrange(len(links) + 1)
            links.insert(place, self.random.choice(self._spare))
        return links

    def _replace(self, links: list[Link]) -> list[Link]:
        """Another body of the same kind, from another message."""
        if not links:
            return links
        place = self.random.randrange(len(links))
        same = [each for each in self._spare if each.kind == links[place].kind]
        if same:
            links[place] = self.random.choice(same)
        return links

    def _stranger(self, links: list[Link]) -> list[Link]:
        kind = self.random.choice((self.random.randrange(1, 256), 41, 42, 200))
        flags = self.random.choice((0, 0, 0, 0, 0x80, 0xFF))
        body = self.random.randbytes(self.random.choice((0, 1, 8, 200)))
        links.insert(self.random.randrange(len(links) + 1), Link(kind, flags, body))
        return links

    def _body(self, links: list[Link]) -> list[Link]:
        if not links:
            return links
        place = self.random.randrange(len(links))
        link = links[place]
        body = self.random.choice(_BODY_CHANGES)(self, link)
        links[place] = Link(link.kind, link.flags, body)
        return links

    def _nested(self, links: list[Link]) -> list[Link]:
        """What is inside the SA payload, if there is one."""
        for place, link in enumerate(links):
            if link.kind in SA_PAYLOADS:
                links[place] = Link(link.kind, link.flags, self._body_nested(link))
        return links

    def _flags(self, links: list[Link]) -> list[Link]:
        if links:
            place = self.random.randrange(len(links))
            links[place] = Link(links[place].kind, 0x80, links[place].body)
        return links

    # --- bodies ------------------------------------------------------------------------------

    def _body_octets(self, link: Link) -> bytes:
        return self.octets(link.body)

    def _body_empty(self, link: Link) -> bytes:
        del link
        return b""

    def _body_huge(self, link: Link) -> bytes:
        return link.body + self.random.randbytes(_HUGE)

    def _body_nested(self, link: Link) -> bytes:
        """Proposals, transforms and attributes, where the payload has them."""
        if link.kind not in SA_PAYLOADS:
            return self.octets(link.body)
        head = _DOI_AND_SITUATION if link.kind == SA_PAYLOADS[0] else 0
        proposals = self._some(split(2, link.body[head:]))
        return link.body[:head] + join([self._proposal(each) for each in proposals])[1]

    def _some(self, links: list[Link]) -> list[Link]:
        """The same, or others of which none is of another kind: so they are looked into."""
        how = self.random.randrange(8)
        if how == 0:
            return self.chain(links)
        if how == 1:
            return self._double(links)
        if how == 2:
            return self._drop(links)
        return links

    def _proposal(self, link: Link) -> Link:
        if len(link.body) < 4 or self.random.random() < 0.2:
            return link
        head = 4 + link.body[2]
        transforms = self._some(split(3, link.body[head:]))
        changed = [self._transform(each) for each in transforms]
        count = len(changed) if self.random.random() < 0.9 else self.random.randrange(256)
        fields = link.body[:3] + bytes((count & 0xFF,)) + link.body[4:head]
        return Link(link.kind, 0, fields + join(changed)[1])

    def _transform(self, link: Link) -> Link:
        """Attributes: long ones of a short one's type, many, unknown ones."""
        how = self.random.randrange(8)
        if how <= 2 or len(link.body) < 4:
            return link
        if how <= 4:  # type and number of the algorithm: well-formed, and another one
            return Link(link.kind, 0, self._flip(link.body[:4]) + link.body[4:])
        if how == 5:
            return Link(link.kind, 0, self.octets(link.body))
        octets = self.random.randbytes(self.random.choice((0, 1, 4, 8, 2000)))
        kind = self.random.randrange(20)
        long = kind.to_bytes(2, "big") + len(octets).to_bytes(2, "big") + octets
        short = (0x8000 | kind).to_bytes(2, "big") + self.random.randbytes(2)
        extra = self.random.choice((long, short, short * 70))
        body = link.body[:4] + extra + link.body[4:]
        return Link(link.kind, 0, body if self.random.random() < 0.5 else link.body + extra)

    # --- messages ----------------------------------------------------------------------------

    def message(self, message: bytes) -> bytes:
        """A changed message: its octets, its header, or its payloads with right lengths."""
        how = self.random.randrange(4)
        if how == 0 or len(message) < HEADER:
            return self.octets(message)
        if how == 1:
            changed = self.octets(message)
            return with_body(changed[:HEADER], changed[HEADER:])
        if how == 2:
            return self.octets(message[:HEADER]) + message[HEADER:]
        return with_chain(message, self.chain(split(message[16], message[HEADER:])))


_OCTET_CHANGES: tuple[Callable[[Mutator, bytes], bytes], ...] = (
    Mutator._flip,
    Mutator._flip,
    Mutator._set,
    Mutator._set_word,
    Mutator._cut,
    Mutator._insert,
    Mutator._remove,
    Mutator._repeat,
)
_CHAIN_CHANGES: tuple[Callable[[Mutator, list[Link]], list[Link]], ...] = (
    Mutator._drop,
    Mutator._double,
    Mutator._shuffle,
    Mutator._transplant,
    Mutator._replace,
    Mutator._stranger,
    *(Mutator._body,) * 6,
    *(Mutator._nested,) * 6,
    Mutator._flags,
)
_BODY_CHANGES: tuple[Callable[[Mutator, Link], bytes], ...] = (
    Mutator._body_octets,
    Mutator._body_octets,
    Mutator._body_empty,
    Mutator._body_huge,
    Mutator._body_nested,
    Mutator._body_nested,
    Mutator._body_nested,
)
