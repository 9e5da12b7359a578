"""Carries out nftables transactions with ``nft``, and reads counters back."""

from __future__ import annotations

import json
import shutil
import subprocess

from gatewright.host.names import HostError, HostNames

_TIMEOUT = 30.0


def apply(transaction: str) -> None:
    """Run one transaction: all of it happens or nothing.

    Raises:
        HostError: nft is missing, or refused; its message is quoted.
    """
    _nft(["-f", "-"], transaction)


def table_exists(names: HostNames) -> bool:
    tables = json.loads(_nft(["-j", "list", "tables", "inet"]))["nftables"]
    return any(each.get("table", {}).get("name") == names.nft_table for each in tables)


def rules(names: HostNames) -> str:
    """The table as nft lists it, without what counters counted; "" when there is none."""
    if not table_exists(names):
        return ""
    return _nft(["-s", "list", "table", "inet", names.nft_table])


def count_rules(names: HostNames) -> int:
    """How many rules the table has; 0 when there is none."""
    if not table_exists(names):
        return 0
    answer = json.loads(_nft(["-j", "list", "table", "inet", names.nft_table]))
    return sum("rule" in each for each in answer["nftables"])


def read_counters(names: HostNames) -> dict[str, int]:
    """Packets per named counter of our table; empty when there is no table."""
    if not table_exists(names):
        return {}
    answer = json.loads(_nft(["-j", "list", "counters", "table", "inet", names.nft_table]))
    found = (each["counter"] for each in answer["nftables"] if "counter" in each)
    return {each["name"]: each["packets"] for each in found}


def _nft(arguments: list[str], text: str | None = None) -> str:
    program = shutil.which("nft") or shutil.which("nft", path="/usr/sbin:/sbin")
    if program is None:
        raise HostError(
            "nftables is not installed: the program 'nft' was not found. The guards that keep "
            "protected traffic from passing in clear need it. Install the package 'nftables'."
        )
    try:
        done = subprocess.run(  # noqa: S603 -- a fixed program; the text comes from typed values
            [program, *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise HostError(f"nft did not answer within {_TIMEOUT:.0f} seconds.") from error
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
