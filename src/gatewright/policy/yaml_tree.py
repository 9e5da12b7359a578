"""YAML text to a tree of text with line numbers; nothing is interpreted here.

Scalars stay text (``no`` is not false, ``1e3`` not a float): the reader of a key knows what type it
wants.  Tags are refused, so that no document constructs anything; octets, depth and the number of
nodes after the expansion of aliases are bounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gatewright.policy.findings import Place
from gatewright.policy.yaml_events import MAX_NODES, Event, events, refused, too_many

MAX_CHARACTERS = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Scalar:
    """``plain``: written without quotes.  An empty plain scalar is YAML's null."""

    text: str
    plain: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys in the order of the file; a key that stands twice is in there twice."""

    entries: tuple[tuple[Scalar, Node], ...]
    place: Place


Node = Scalar | Sequence | Mapping


@dataclass(slots=True)
class _Open:
    """A collection that is being read."""

    place: Place
    is_mapping: bool
    anchor: str | None
    start_count: int
    items: list[Node]


def parse_tree(text: str, filename: str) -> Mapping:
    """The document's top level mapping.

    Raises ``PolicyError`` for everything that is not one bounded YAML mapping.
    """
    if len(text) > MAX_CHARACTERS:
        raise refused(
            Place(filename, 1),
            f"the file has {len(text)} characters",
            f"a policy has at most {MAX_CHARACTERS}",
            "split the policy",
        )
    root = _Builder(filename).build(events(text, filename))
    if root is None:
        raise refused(
            Place(filename, 1),
            "the file is empty",
            "a policy needs at least one tunnel or rule",
            "write `tunnels:` with one tunnel",
        )
    if not isinstance(root, Mapping):
        raise refused(
            root.place,
            "the file is not a mapping of keys to values",
            "a policy starts with keys such as `name:` and `tunnels:`",
            "write `tunnels:` and indent what belongs to it",
        )
    return root


class _Builder:
    """Assembles the tree from events without recursion."""

    def __init__(self, filename: str) -> None:
        self._filename = filename
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._count = 0
        self._root: Node | None = None
        self._documents = 0

    def build(self, found: Iterable[Event]) -> Node | None:
        for event in found:
            self._take(event)
        if isinstance(self._root, Scalar) and self._root.plain and not self._root.text:
            return None
        return self._root

    def _take(self, event: Event) -> None:
        place = Place(self._filename, event.line)
        match event.name:
            case "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    raise refused(
                        place,
                        "a second YAML document begins here",
                        "one file holds one policy",
                        "remove the line `---` or split the file",
                    )
            case "AliasEvent":
                self._alias(event, place)
            case "ScalarEvent" | "SequenceStartEvent" | "MappingStartEvent":
                self._start(event, place)
            case "SequenceEndEvent" | "MappingEndEvent":
                self._close()
            case _:
                pass

    def _alias(self, event: Event, place: Place) -> None:
        known = self._anchors.get(event.anchor or "")
        if known is None:
            raise refused(
                place,
                f"the alias *{event.anchor} has no anchor above it",
                "an alias repeats a value marked with & before it, and may not contain itself",
                "write the value out",
            )
        node, size = known
        self._grow(size, place)
        self._add(node)

    def _start(self, event: Event, place: Place) -> None:
        if event.tag is not None and event.tag != "!":
            raise refused(
                place,
                f"the tag {event.tag} is not allowed",
                "a policy has plain text, lists and mappings only",
                "remove the tag",
            )
        self._grow(1, place)
        if event.name == "ScalarEvent":
            scalar = Scalar(event.text, event.plain, place)
            self._name(event.anchor, scalar, 1)
            self._add(scalar)
            return
        is_mapping = event.name == "MappingStartEvent"
        self._open.append(_Open(place, is_mapping, event.anchor, self._count, []))

    def _close(self) -> None:
        done = self._open.pop()
        node: Node
        if done.is_mapping:
            node = Mapping(self._pairs(done.items), done.place)
        else:
            node = Sequence(tuple(done.items), done.place)
        self._name(done.anchor, node, self._count - done.start_count + 1)
        self._add(node)

    def _pairs(self, items: list[Node]) -> tuple[tuple[Scalar, Node], ...]:
        pairs = []
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, Scalar):
                raise refused(
                    key.place,
                    "a key is a list or a mapping",
                    "keys are words",
                    "put quotes around a name that begins with [ or {",
                )
            pairs.append((key, value))
        return tuple(pairs)

    def _name(self, anchor: str | None, node: Node, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (node, size)

    def _grow(self, nodes: int, place: Place) -> None:
        self._count += nodes
        if self._count > MAX_NODES:
            raise too_many(place, MAX_NODES)

    def _add(self, node: Node) -> None:
        if self._open:
            self._open[-1].items.append(node)
        else:
            self._root = node
