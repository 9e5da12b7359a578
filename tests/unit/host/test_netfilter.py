from __future__ import annotations

from pathlib import Path

import pytest

from gatewright.host import netfilter
from gatewright.host.names import HostError, HostNames


@pytest.fixture
def nft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program ``nft`` of our own; the test writes it."""
    program = tmp_path / "nft"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return program


def write(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_the_transaction_goes_to_standard_input(nft: Path, tmp_path: Path) -> None:
    write(nft, f'[ "$*" = "-f -" ] && cat > {tmp_path}/seen')
    netfilter.apply("add table inet x\n")
    assert (tmp_path / "seen").read_text() == "add table inet x\n"


def test_a_refusal_names_the_cause_and_what_to_do(nft: Path) -> None:
    write(nft, "echo 'Error: Could not process rule: Operation not permitted' >&2; exit 1")
    with pytest.raises(HostError, match="CAP_NET_ADMIN: run as root"):
        netfilter.apply("")


def test_a_missing_program_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("gatewright.host.netfilter.shutil.which", lambda *_a, **_k: None)
    with pytest.raises(HostError, match="Install the package 'nftables'"):
        netfilter.apply("")


def test_a_table_that_is_not_there_has_nothing(nft: Path) -> None:
    write(nft, "echo 'Error: No such file or directory' >&2; exit 1")
    assert netfilter.read_counters(HostNames()) == {}
    assert netfilter.rules(HostNames()) == ""
    assert netfilter.contents(HostNames()) == netfilter.Contents()
    assert not netfilter.table_exists(HostNames())


def test_what_cannot_be_listed_for_another_reason_is_an_error(nft: Path) -> None:
    write(nft, "echo 'Error: Operation not permitted' >&2; exit 1")
    with pytest.raises(HostError, match="CAP_NET_ADMIN"):
        netfilter.table_exists(HostNames())


def test_counters_are_read_by_name(nft: Path) -> None:
    counter = '{"counter": {"name": "protect_out_1", "packets": 5, "bytes": 9}}'
    write(nft, f"""echo '{{"nftables": [{counter}]}}'""")
    assert netfilter.read_counters(HostNames()) == {"protect_out_1": 5}


def test_contents_are_names_and_counts(nft: Path) -> None:
    objects = (
        '{"metainfo": {}}, {"table": {"name": "gatewright"}}, {"chain": {"name": "k"}}, '
        '{"counter": {"name": "c"}}, '
        '{"map": {"name": "m", "elem": [["a", "c"], ["b", "c"]]}}, {"set": {"name": "s"}}, '
        '{"rule": {}}, {"rule": {}}, {"rule": {}}'
    )
    write(nft, f"""echo '{{"nftables": [{objects}]}}'""")
    assert netfilter.contents(HostNames(), elements=True) == netfilter.Contents(
        frozenset({"k"}),
        frozenset({"c"}),
        frozenset({("map", "m"), ("set", "s")}),
        rules=3,
        elements=2,
    )
