"""YAML text to its events, bounded: ruamel.yaml's, or libyaml's where these are the same.

libyaml is thirty times as fast, and of YAML 1.1: it differs in where tabs may stand, in colons at
the ends of words within brackets (``[::1, fd00::]``), in line ends, tags and block scalars, and its
time grows with the square of the number of directives.  So it gets texts alone that have none of
the marks with which such things are written, which is nearly all policies.  What it refuses is
asked of ruamel.yaml again, which decides, and says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from gatewright.policy.findings import Finding, Place, PolicyError, error

MAX_DEPTH = 24
MAX_NODES = 500_000

# A mark that is none of these, a colon within brackets, the beginning or end of a document.
_RUAMELS_ALONE = re.compile(
    r"""[^\w \n.,:;/()\[\]{}'"\#=+-] | [\[{,]\s*: | :\s*[\]},] | ^(?:---|\.\.\.)""",
    re.MULTILINE | re.VERBOSE,
)
_DEEPER = {
    "SequenceStartEvent": 1,
    "MappingStartEvent": 1,
    "SequenceEndEvent": -1,
    "MappingEndEvent": -1,
}


@dataclass(frozen=True, slots=True)
class Event:
    """``name``: of the class, which is the same in both libraries; ``line`` from 1.  ``plain``: a
    scalar without quotes.  ``anchor``: of an alias, what it stands for."""

    name: str
    line: int
    text: str
    plain: bool
    anchor: str | None
    tag: str | None


class _Raw(Protocol):
    """An event of either library."""

    start_mark: Any


def events(text: str, filename: str) -> list[Event]:
    """Raises ``PolicyError`` when it is not YAML, or too deep or too much of it."""
    loader = getattr(yaml, "CSafeLoader", None)
    if loader is not None and not _RUAMELS_ALONE.search(text):
        try:
            return list(_bounded(yaml.parse(text, Loader=loader), filename))
        except (yaml.YAMLError, ValueError):
            pass
    return _ruamels(text, filename)


def _ruamels(text: str, filename: str) -> list[Event]:
    """ruamel.yaml's events; its own complaints become ours."""
    try:
        return list(_bounded(YAML(typ="safe", pure=True).parse(text), filename))
    except MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line = mark.line + 1 if mark is not None else 1
        what = " ".join(part for part in (problem.context, problem.problem) if part)
        raise _not_yaml(Place(filename, line), what) from None
    except YAMLError as problem:
        # A character that YAML does not allow; the reader's message gives its position.
        raise _not_yaml(Place(filename, 1), " ".join(str(problem).split())) from None
    except (ValueError, OverflowError, TypeError, AttributeError, AssertionError, IndexError):
        # The scanner of ruamel.yaml lets these out for bad escapes and directives.
        raise _not_yaml(Place(filename, 1), "the YAML reader cannot make sense of it") from None


def _bounded(found: Iterable[_Raw], filename: str) -> Iterator[Event]:
    """Depth and number are bounded while they come, since ruamel.yaml's scanner takes time that
    grows with the square of the depth."""
    depth = 0
    for number, each in enumerate(found):
        event = _event(each)
        depth += _DEEPER.get(event.name, 0)
        if depth > MAX_DEPTH:
            raise _too_deep(Place(filename, event.line))
        if number >= 2 * MAX_NODES:
            raise too_many(Place(filename, event.line), MAX_NODES)
        yield event


def _event(each: _Raw) -> Event:
    anchor, tag = getattr(each, "anchor", None), getattr(each, "tag", None)
    return Event(
        type(each).__name__,
        each.start_mark.line + 1,
        getattr(each, "value", ""),
        not getattr(each, "style", None),
        None if anchor is None else str(anchor),
        None if tag is None else str(tag),
    )


def refused(place: Place, what: str, why: str, instead: str) -> PolicyError:
    """YAML that no policy has."""
    return PolicyError([error("yaml-refused", place, what, why, instead)])


def too_many(place: Place, most: int) -> PolicyError:
    """More values than that."""
    return refused(
        place,
        f"the file has more than {most} values, aliases expanded",
        "it would take more memory than any policy needs",
        "split the policy, or write it without aliases",
    )


def _too_deep(place: Place) -> PolicyError:
    return refused(
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
