"""Carries out nftables transactions with ``nft``, and reads counters back."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from gatewright.host.names import HostError, HostNames

_TIMEOUT = 30.0


def apply(transaction: str) -> None:
    """Run one transaction: all of it happens or nothing.

    Raises:
        HostError: nft is missing, or refused; its message is quoted.
    """
    _output(_run(["-f", "-"], transaction))


@dataclass(frozen=True, slots=True)
class Contents:
    """What the table consists of: names of chains and counters; kind and name of sets and maps;
    and how many rules and elements there are."""

    chains: frozenset[str] = frozenset()
    counters: frozenset[str] = frozenset()
    tables: frozenset[tuple[str, str]] = frozenset()
    rules: int = 0
    elements: int = 0


def table_exists(names: HostNames) -> bool:
    return _list(["-t", "list", "table", "inet", names.nft_table]) is not None


def rules(names: HostNames) -> str:
    """The table as nft lists it, without what counters counted; "" when there is none."""
    return _list(["-s", "list", "table", "inet", names.nft_table]) or ""


def contents(names: HostNames, *, elements: bool = False) -> Contents:
    """What the table has; nothing when there is none.  Elements are counted if asked for."""
    terse = [] if elements else ["-t"]
    found = _objects([*terse, "-j", "list", "table", "inet", names.nft_table])
    tables = [(kind, each[kind]) for each in found for kind in ("set", "map") if kind in each]
    return Contents(
        frozenset(each["chain"]["name"] for each in found if "chain" in each),
        frozenset(each["counter"]["name"] for each in found if "counter" in each),
        frozenset((kind, each["name"]) for kind, each in tables),
        sum("rule" in each for each in found),
        sum(len(each.get("elem", ())) for _, each in tables),
    )


def read_counters(names: HostNames) -> dict[str, int]:
    """Packets per named counter of our table; empty when there is no table."""
    found = _objects(["-j", "list", "counters", "table", "inet", names.nft_table])
    counters = (each["counter"] for each in found if "counter" in each)
    return {each["name"]: each["packets"] for each in counters}


def _objects(arguments: list[str]) -> list[dict[str, Any]]:
    text = _list(arguments)
    return [] if text is None else list(json.loads(text)["nftables"])


def _list(arguments: list[str]) -> str | None:
    """What nft says; None when there is no such table."""
    done = _run(arguments)
    if done.returncode and "No such file or directory" in done.stderr:
        return None
    return _output(done)


def _run(arguments: list[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
    program = shutil.which("nft") or shutil.which("nft", path="/usr/sbin:/sbin")
    if program is None:
        raise HostError(
            "nftables is not installed: the program 'nft' was not found. The guards that keep "
            "protected traffic from passing in clear need it. Install the package 'nftables'."
        )
    try:
        return subprocess.run(  # noqa: S603 -- a fixed program; the text comes from typed values
            [program, *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise HostError(f"nft did not answer within {_TIMEOUT:.0f} seconds.") from error


def _output(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode != 0:
        raise HostError(f"nft refused a change: {_reason(done.stderr)}")
    return done.stdout


def _reason(stderr: str) -> str:
    """The first complaint, which carries the cause, and a hint where one is known."""
    first = stderr.strip().splitlines()[0] if stderr.strip() else "no reason given"
    if "Operation not permitted" in stderr:
        return f"{first} This needs the capability CAP_NET_ADMIN: run as root."
    if "No such file or directory" in stderr or "not supported" in stderr:
        return f"{first} The kernel may lack a part of nftables (nf_tables, inet family)."
    return first
