"""YAML text to a tree of text with line numbers; nothing is interpreted here.

Scalars stay text (``no`` is not false, ``1e3`` not a float): the reader of a key knows what type it
wants.  Tags are refused, so that no document constructs anything; octets, depth and the number of
nodes after the expansion of aliases are bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from gatewright.policy.findings import Finding, Place, PolicyError, error

MAX_CHARACTERS = 4 * 1024 * 1024
MAX_DEPTH = 24
MAX_NODES = 500_000


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

# libyaml's is thirty times as fast, and not there where PyYAML was built without it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEPTH = "maximum nesting depth"  # libyaml's words

_StartEvent = ScalarEvent | SequenceStartEvent | MappingStartEvent


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
        raise _refused(
            Place(filename, 1),
            f"the file has {len(text)} characters",
            f"a policy has at most {MAX_CHARACTERS}",
            "split the policy",
        )
    root = _Builder(filename).build(_events(text, filename))
    if root is None:
        raise _refused(
            Place(filename, 1),
            "the file is empty",
            "a policy needs at least one tunnel or rule",
            "write `tunnels:` with one tunnel",
        )
    if not isinstance(root, Mapping):
        raise _refused(
            root.place,
            "the file is not a mapping of keys to values",
            "a policy starts with keys such as `name:` and `tunnels:`",
            "write `tunnels:` and indent what belongs to it",
        )
    return root


def _events(text: str, filename: str) -> list[Event]:
    """PyYAML's events, of libyaml where it has that; its own complaints become ours.

    Depth and number are bounded while they come; libyaml by itself refuses a depth of a thousand.
    """
    events: list[Event] = []
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            events.append(event)
            depth += isinstance(event, SequenceStartEvent | MappingStartEvent)
            depth -= isinstance(event, SequenceEndEvent | MappingEndEvent)
            if depth > MAX_DEPTH:
                raise _too_deep(_place(filename, event.start_mark))
            if len(events) > 2 * MAX_NODES:
                raise _too_many(_place(filename, event.start_mark))
    except yaml.MarkedYAMLError as problem:
        place = _place(filename, problem.problem_mark or problem.context_mark)
        what = " ".join(part for part in (problem.context, problem.problem) if part)
        if _DEPTH in what:
            raise _too_deep(place) from None
        raise _not_yaml(place, what) from None
    except yaml.YAMLError as problem:
        # A character that YAML does not allow; the reader's message gives its position.
        raise _not_yaml(Place(filename, 1), " ".join(str(problem).split())) from None
    except (ValueError, OverflowError, TypeError, AttributeError, AssertionError, IndexError):
        # The pure Python scanner lets these out for bad escapes and directives.
        raise _not_yaml(Place(filename, 1), "the YAML reader cannot make sense of it") from None
    return events


class _Builder:
    """Assembles the tree from events without recursion."""

    def __init__(self, filename: str) -> None:
        self._filename = filename
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._count = 0
        self._root: Node | None = None
        self._documents = 0

    def build(self, events: list[Event]) -> Node | None:
        for event in events:
            self._take(event)
        if isinstance(self._root, Scalar) and self._root.plain and not self._root.text:
            return None
        return self._root

    def _take(self, event: Event) -> None:
        place = _place(self._filename, event.start_mark)
        match event:
            case DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise _refused(
                        place,
                        "a second YAML document begins here",
                        "one file holds one policy",
                        "remove the line `---` or split the file",
                    )
            case AliasEvent():
                self._alias(event, place)
            case ScalarEvent() | SequenceStartEvent() | MappingStartEvent():
                self._start(event, place)
            case SequenceEndEvent() | MappingEndEvent():
                self._close()
            case _:
                pass

    def _alias(self, event: AliasEvent, place: Place) -> None:
        known = self._anchors.get(str(event.anchor))
        if known is None:
            raise _refused(
                place,
                f"the alias *{event.anchor} has no anchor above it",
                "an alias repeats a value marked with & before it, and may not contain itself",
                "write the value out",
            )
        node, size = known
        self._grow(size, place)
        self._add(node)

    def _start(self, event: _StartEvent, place: Place) -> None:
        if event.tag is not None and str(event.tag) != "!":
            raise _refused(
                place,
                f"the tag {event.tag} is not allowed",
                "a policy has plain text, lists and mappings only",
                "remove the tag",
            )
        self._grow(1, place)
        if isinstance(event, ScalarEvent):
            scalar = Scalar(event.value, not event.style, place)
            self._name(event.anchor, scalar, 1)
            self._add(scalar)
            return
        is_mapping = isinstance(event, MappingStartEvent)
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
                raise _refused(
                    key.place,
                    "a key is a list or a mapping",
                    "keys are words",
                    "put quotes around a name that begins with [ or {",
                )
            pairs.append((key, value))
        return tuple(pairs)

    def _name(self, anchor: str | None, node: Node, size: int) -> None:
        if anchor is not None:
            self._anchors[str(anchor)] = (node, size)

    def _grow(self, nodes: int, place: Place) -> None:
        self._count += nodes
        if self._count > MAX_NODES:
            raise _too_many(place)

    def _add(self, node: Node) -> None:
        if self._open:
            self._open[-1].items.append(node)
        else:
            self._root = node


class _Mark(Protocol):
    """Of PyYAML or of libyaml."""

    @property
    def line(self) -> int: ...


def _place(filename: str, mark: _Mark | None) -> Place:
    return Place(filename, mark.line + 1 if mark is not None else 1)


def _refused(place: Place, what: str, why: str, instead: str) -> PolicyError:
    return PolicyError([error("yaml-refused", place, what, why, instead)])


def _too_many(place: Place) -> PolicyError:
    return _refused(
        place,
        f"the file has more than {MAX_NODES} values, aliases expanded",
        "it would take more memory than any policy needs",
        "split the policy, or write it without aliases",
    )


def _too_deep(place: Place) -> PolicyError:
    return _refused(
        place,
        f"the file nests deeper than {MAX_DEPTH} levels",
        "no part of a policy is that deep",
        "look for an unbalanced bracket or wrong indentation",
    )


def _not_yaml(place: Place, detail: str) -> PolicyError:
    finding: Finding = error(
        "yaml-syntax",
        place,
        f"this is not YAML: {detail}",
        "the file cannot be read past this line",
        "check indentation (spaces, no tabs), brackets, quotes, and the space after each colon",
    )
    return PolicyError([finding])
