"""``tests/unit`` mirrors ``src``: each test file has its source, each source its test file.

Source files without a test of their own stand in ``tools/untested_sources.txt``, one path a line
with a reason after ``#``; the list may only shrink.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "gatewright"
TESTS = ROOT / "tests" / "unit"
EXCEPTIONS = ROOT / "tools" / "untested_sources.txt"


def exceptions() -> dict[str, str]:
    """Source path (below ``src/gatewright``) to the reason why it has no unit test of its own."""
    listed: dict[str, str] = {}
    for line in EXCEPTIONS.read_text().splitlines():
        path, _, reason = line.partition("#")
        if path.strip():
            listed[path.strip()] = reason.strip()
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
    listed = exceptions()
    yield from _tests_without_source()
    yield from _sources_without_test(listed)
    for name, reason in listed.items():
        if not (SOURCE / name).exists():
            yield f"{EXCEPTIONS.relative_to(ROOT)}: {name} does not exist"
        if not reason:
            yield f"{EXCEPTIONS.relative_to(ROOT)}: {name} gives no reason"


def _tests_without_source() -> Iterator[str]:
    for test in sorted(TESTS.rglob("test_*.py")):
        if not source_of(test).exists():
            yield f"{test.relative_to(ROOT)}: there is no {source_of(test).relative_to(ROOT)}"


def _sources_without_test(listed: dict[str, str]) -> Iterator[str]:
    for source in sorted(SOURCE.rglob("*.py")):
        name = str(source.relative_to(SOURCE))
        if source.name == "__init__.py":
            continue
        if not test_of(source).exists() and name not in listed:
            yield f"src/gatewright/{name}: there is no {test_of(source).relative_to(ROOT)}"
        if test_of(source).exists() and name in listed:
            yield f"{name} has a test now: take it off {EXCEPTIONS.relative_to(ROOT)}"


def main() -> int:
    found = list(problems())
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
