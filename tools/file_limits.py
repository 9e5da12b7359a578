"""Source files stay small: at most 800 lines, a warning above 500, no logic in ``__init__.py``."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TREES = ("src", "crates", "tests", "tools", "bench", "fuzz")
HARD_LIMIT = 800
SOFT_LIMIT = 500


def sources() -> Iterator[Path]:
    """Every Python and Rust file of ours."""
    for tree in TREES:
        for suffix in ("*.py", "*.pyi", "*.rs"):
            for path in sorted((ROOT / tree).rglob(suffix)):
                if "target" not in path.parts:
                    yield path


def logic_in_init(path: Path) -> str | None:
    """What in an ``__init__.py`` is neither docstring nor re-export, or None."""
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.Expr(value=ast.Constant(value=str())) | ast.Import() | ast.ImportFrom():
                continue
            case ast.Assign(targets=[ast.Name(id="__all__" | "__version__")]):
                continue
            case _:
                return f"line {node.lineno}: {type(node).__name__}"
    return None


def main() -> int:
    failures = 0
    for path in sources():
        name = path.relative_to(ROOT)
        lines = len(path.read_text().splitlines())
        if lines > HARD_LIMIT:
            print(f"{name}: {lines} lines, {HARD_LIMIT} are the limit: split it by subject")
            failures += 1
        elif lines > SOFT_LIMIT:
            print(f"warning: {name}: {lines} lines, aim at less than {SOFT_LIMIT}")
        if path.name == "__init__.py" and (found := logic_in_init(path)):
            print(f"{name}: {found}; only a docstring and re-exports may stand here")
            failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
