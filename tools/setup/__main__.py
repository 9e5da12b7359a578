"""``python3 -m tools.setup``: everything that ``make demo`` and ``make test`` need.

Each step is skipped when its inputs have not changed since it last succeeded.
"""

from __future__ import annotations

import argparse
import sys

from tools.setup import debian, engine, python
from tools.setup.report import SetupError, say


def main() -> int:
    """Run the steps in order; exit status 1 with an explanation when one cannot be done."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.setup", description=__doc__)
    parser.add_argument("--no-packages", action="store_true", help="leave Debian packages alone")
    arguments = parser.parse_args()
    try:
        cargo = engine.find_cargo()
        if not arguments.no_packages:
            debian.install_missing()
        python.make_environment()
        python.install_dependencies()
        engine.build(cargo)
    except SetupError as error:
        say(f"setup stopped: {error}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("setup interrupted; run it again to go on", sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
