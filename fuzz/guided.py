"""The parsers under atheris, which looks for input that takes new ways through the code::

    pip install atheris
    python -m fuzz.guided v2 fuzz/corpus/v2 -max_total_time=60

Further arguments are those of libFuzzer.  What it finds becomes a test of the parser.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["gatewright.wire"]):
    from fuzz.parsers import parse_chain, parse_message
    from gatewright.policy.compiled import IkeVersion


def main() -> None:
    version = IkeVersion(int(sys.argv.pop(1).removeprefix("v")))

    def one_input(octets: bytes) -> None:
        parse_message(version, octets)
        if octets:
            parse_chain(version, octets[0], octets[1:])

    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
