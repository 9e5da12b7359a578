"""Reading a section of the tree: known keys, converted values, every mistake recorded.

A converter takes a node and returns a value or raises ``InvalidValueError``.  Mistakes are
collected in a ``Report`` and a stand-in value takes the place, so that one run shows all of them;
whoever owns the report raises ``PolicyError`` at the end, and no stand-in is ever used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import TypeVar

from gatewright.policy.findings import Finding, Place, PolicyError, error
from gatewright.policy.schema import OTHER_WORDS, PLACES, SECTIONS
from gatewright.policy.yaml_tree import Mapping, Node, Scalar, Sequence

T = TypeVar("T")
MAX_MISTAKES = 50
MAX_NAME = 100
MAX_TUNNEL_NAME = 80  # its expansion adds the direction, and a number in case of need


class InvalidValueError(Exception):
    """A value cannot be what its key wants."""

    def __init__(
        self,
        what: str,
        why: str,
        instead: str,
        place: Place | None = None,
        code: str = "invalid-value",
    ) -> None:
        super().__init__(what)
        self.what, self.why, self.instead = what, why, instead
        self.place = place
        self.code = code


class Report:
    """The mistakes found so far."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []

    def add(self, finding: Finding) -> None:
        self._findings.append(finding)
        if len(self._findings) >= MAX_MISTAKES:
            raise PolicyError(self._findings)

    def raise_if_any(self) -> None:
        if self._findings:
            raise PolicyError(self._findings)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    by_lower = {one.lower(): one for one in known}
    matches = get_close_matches(word[:MAX_NAME].lower(), list(by_lower), n=1, cutoff=0.6)
    return by_lower[matches[0]] if matches else None


def shown(text: str) -> str:
    """Text of the file inside a message: short, and no control characters."""
    clean = "".join(c if c.isprintable() else "?" for c in text[:60])
    return f"`{clean}...`" if len(text) > 60 else f"`{clean}`"


class Section:
    """A mapping whose keys are those of ``schema.SECTIONS[kind]``.

    ``title`` says which one in messages: "tunnel `branch office`".
    """

    def __init__(self, report: Report, node: Node, kind: str, title: str) -> None:
        self._report = report
        self._kind = kind
        self._title = title
        self.place = node.place
        self._values: dict[str, Node] = {}
        self._is_mapping = isinstance(node, Mapping)
        if not isinstance(node, Mapping):
            report.add(
                error(
                    "wrong-type",
                    node.place,
                    f"{title} is not a mapping of keys to values",
                    f"its keys are {_listed(SECTIONS[kind])}",
                    "write `key: value` lines under it, indented",
                )
            )
            return
        for key, value in node.entries:
            self._take(key, value)

    def _take(self, key: Scalar, value: Node) -> None:
        if key.text not in SECTIONS[self._kind]:
            self._report.add(_unknown_key(key, self._kind, self._title))
        elif key.text in self._values:
            self._report.add(duplicate(key, self._values[key.text].place, self._title))
        else:
            self._values[key.text] = value

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def node(self, key: str) -> Node | None:
        return self._values.get(key)

    def place_of(self, key: str) -> Place:
        node = self._values.get(key)
        return self.place if node is None else node.place

    def optional(self, key: str, convert: Callable[[Node], T], default: T) -> T:
        """The converted value, or the default when the key is not written."""
        node = self._values.get(key)
        return default if node is None else self.convert(key, node, convert, default)

    def required(self, key: str, convert: Callable[[Node], T], stand_in: T) -> T:
        node = self._values.get(key)
        if node is not None:
            return self.convert(key, node, convert, stand_in)
        if self._is_mapping:
            self._report.add(self._missing(key))
        return stand_in

    def _missing(self, key: str) -> Finding:
        return error(
            "missing-key",
            self.place,
            f"{self._title} has no `{key}`",
            f"`{key}` is {SECTIONS[self._kind][key].meaning}, and has no default",
            f"add `{key}:`",
        )

    def convert(self, key: str, node: Node, convert: Callable[[Node], T], stand_in: T) -> T:
        try:
            return convert(node)
        except InvalidValueError as problem:
            self.refuse(key, problem, node.place)
            return stand_in

    def refuse(self, key: str, problem: InvalidValueError, place: Place) -> None:
        self._report.add(
            error(
                problem.code,
                problem.place or place,
                f"`{key}` of {self._title}: {problem.what}",
                problem.why,
                problem.instead,
            )
        )


def named_sections(
    report: Report, node: Node | None, kind: str, key: str
) -> list[tuple[Scalar, Section]]:
    """The sections of a mapping of names to sections, such as `tunnels`."""
    if node is None:
        return []
    if not isinstance(node, Mapping):
        report.add(
            error(
                "wrong-type",
                node.place,
                f"`{key}` is not a mapping of names to sections",
                f"each {kind} has a name, by which messages and commands speak of it",
                f"write the name of the {kind}, a colon, and its keys indented below",
            )
        )
        return []
    seen: dict[str, Place] = {}
    sections = []
    for name, value in node.entries:
        if name.text in seen:
            report.add(duplicate(name, seen[name.text], f"`{key}`"))
            continue
        seen[name.text] = name.place
        limit = MAX_TUNNEL_NAME if kind == "tunnel" else MAX_NAME
        problem = name_problem(name.text, limit)
        if problem is not None:
            report.add(
                error(
                    "bad-name",
                    name.place,
                    f"the name of a {kind} {problem}",
                    "names stand in messages, in the log and on the command line",
                    f"give it a name of 1 to {limit} printable characters",
                )
            )
        title = f"{kind} {shown(name.text)}"
        section = Section(report, value, kind, title)
        # The name's line is where a person looks for the section, not its first key's.
        section.place = name.place
        sections.append((name, section))
    return sections


def name_problem(text: str, limit: int = MAX_NAME) -> str | None:
    """Why a text cannot be a name; None when it can."""
    if not text.strip():
        return "is empty"
    if text != text.strip():
        return "begins or ends with a space"
    if len(text) > limit:
        return f"has {len(text)} characters"
    return None if text.isprintable() else "has control characters"


def items(node: Node, one: Callable[[Node], T], limit: int = 1000) -> tuple[T, ...]:
    """A list, or a single value that stands for a list of one."""
    nodes = node.items if isinstance(node, Sequence) else (node,)
    if not nodes:
        raise InvalidValueError("the list is empty", "it needs at least one value", "add one")
    if len(nodes) > limit:
        raise InvalidValueError(
            f"the list has {len(nodes)} values", f"at most {limit} fit", "shorten it"
        )
    return tuple(_located(child, one) for child in nodes)


def _located(node: Node, convert: Callable[[Node], T]) -> T:
    try:
        return convert(node)
    except InvalidValueError as problem:
        problem.place = problem.place or node.place
        raise


def duplicate(key: Scalar, first: Place, title: str) -> Finding:
    return error(
        "duplicate-key",
        key.place,
        f"{shown(key.text)} stands twice in {title}",
        f"it is unclear which one counts; the first is at line {first.line}",
        "remove one of them, or give them different names",
    )


def _unknown_key(key: Scalar, kind: str, title: str) -> Finding:
    return error(
        "unknown-key",
        key.place,
        f"{shown(key.text)} is not a key of {title}",
        "a key that is not known would silently have no effect",
        _right_key(key.text.replace("-", "_").lower(), kind),
    )


def _right_key(word: str, kind: str) -> str:
    """What was probably meant: another spelling, another word, or a key of another section."""
    keys = SECTIONS[kind]
    meant = word if word in keys else OTHER_WORDS.get(word, word)
    if meant in keys:
        return f"write `{meant}`"
    elsewhere = [PLACES[name] for name, section in SECTIONS.items() if meant in section]
    if elsewhere:
        return f"`{meant}` is a key of {' or '.join(elsewhere)}: write it there"
    near = nearest(word, keys)
    return f"write `{near}`" if near else f"its keys are {_listed(keys)}"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
