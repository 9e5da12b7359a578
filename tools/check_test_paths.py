"""``tests/unit`` mirrors ``src``: each test file has its source, each source its test file.

Source files without a test of their own stand in ``tools/untested_sources.txt``, one path or
pattern a line, with a reason after ``#``, or in a line above for a group; the list may only shrink.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "gatewright"
TESTS = ROOT / "tests" / "unit"
EXCEPTIONS = ROOT / "tools" / "untested_sources.txt"


def exceptions() -> dict[str, str]:
    """Path or pattern (below ``src/gatewright``) to the reason why there is no unit test of it."""
    listed: dict[str, str] = {}
    group = ""
    for line in EXCEPTIONS.read_text().splitlines():
        path, _, reason = (part.strip() for part in line.partition("#"))
        if path:
            listed[path] = reason or group
        else:
            group = reason
    return listed


def source_of(test: Path) -> Path:
    """``tests/unit/wire/v2/test_message.py`` tests ``src/gatewright/wire/v2/message.py``."""
    relative = test.relative_to(TESTS)
    return SOURCE / relative.parent / relative.name.removeprefix("test_")


def test_of(source: Path) -> Path:
    relative = source.relative_to(SOURCE)
    return TESTS / relative.parent / f"test_{relative.name}"


def problems() -> Iterator[str]:
    """One sentence a problem."""
    untested = [
        str(source.relative_to(SOURCE))
        for source in sorted(SOURCE.rglob("*.py"))
        if source.name not in ("__init__.py", "__main__.py") and not test_of(source).exists()
    ]
    listed = exceptions()
    for test in sorted(TESTS.rglob("test_*.py")):
        if not source_of(test).exists():
            yield f"{test.relative_to(ROOT)}: there is no {source_of(test).relative_to(ROOT)}"
    for name in untested:
        if not any(fnmatch(name, pattern) for pattern in listed):
            yield f"src/gatewright/{name}: there is no {test_of(SOURCE / name).relative_to(ROOT)}"
    for pattern, reason in listed.items():
        where = EXCEPTIONS.relative_to(ROOT)
        if not any(fnmatch(name, pattern) for name in untested):
            yield f"{where}: {pattern} names nothing that is without a test: take it off"
        if not reason:
            yield f"{where}: {pattern} gives no reason"


def main() -> int:
    found = list(problems())
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
