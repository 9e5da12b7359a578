"""``python -m fuzz``: targets in turn, seed after seed, until the time is over.

The same seed does the same: a failure is told with the command that repeats it.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from fuzz.targets import TARGETS


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long (default: 30)")
    parser.add_argument("--seed", type=int, help="this seed alone, once")
    parser.add_argument("--from", dest="first", type=int, help="first seed (default: the time)")
    parser.add_argument("targets", nargs="*", help=f"some of {', '.join(TARGETS)} (default: all)")
    chosen = parser.parse_args()
    if unknown := set(chosen.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    return chosen


def attempt(target: str, seed: int) -> bool:
    """One seed; False when it uncovered something, which is printed."""
    try:
        TARGETS[target](seed)
    except Exception:
        traceback.print_exc()
        print(f"python -m fuzz --seed {seed} {target}")
        return False
    return True


def main() -> int:
    chosen = arguments()
    targets = chosen.targets or list(TARGETS)
    if chosen.seed is not None:
        return 0 if all(attempt(target, chosen.seed) for target in targets) else 1
    seed = first = int(time.time()) if chosen.first is None else chosen.first
    end = time.monotonic() + chosen.seconds
    failures = 0
    while time.monotonic() < end:
        failures += sum(not attempt(target, seed) for target in targets)
        seed += 1
    print(f"{len(targets)} targets, {seed - first} seeds from {first}: {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
