"""The long form as YAML: it loads again as the same policy."""

from __future__ import annotations

from hypothesis import given

from gatewright.policy.compile import compile_policy
from gatewright.policy.compiled import CompiledPolicy
from gatewright.policy.expand import expand
from gatewright.policy.findings import PolicyError
from gatewright.policy.load import load_policy
from gatewright.policy.model import Policy
from gatewright.policy.write import format_duration, write_long_form
from tests.unit.policy.samples import LONG, SHORT, short, without_places
from tests.unit.policy.strategies import policies


def again(text: str) -> str:
    return write_long_form(expand(load_policy(text, "p.yaml")))


def outcome(policy: Policy) -> CompiledPolicy | set[str]:
    try:
        return without_places(compile_policy(policy, []))
    except PolicyError as error:
        return {one.code for one in error.findings}


@given(policies())
def test_what_is_written_loads_as_the_same_policy(text: str) -> None:
    policy = load_policy(text, "p.yaml")
    written = write_long_form(expand(policy))
    loaded = load_policy(written, "q.yaml")
    assert loaded == expand(policy)
    assert outcome(loaded) == outcome(policy)
    assert write_long_form(loaded) == written


def test_the_long_form_of_the_article_survives() -> None:
    assert load_policy(again(LONG), "p.yaml") == load_policy(LONG, "p.yaml")


def test_it_reads_as_the_article_writes_it() -> None:
    text = again(short("profile: windows-2003", "start: always", "enabled: no"))
    for part in (
        "- {source: 192.168.10.0/24, destination: 10.20.0.0/24, protocol: any, mirrored: no}",
        "tunnel_endpoint: 203.0.113.2",
        "authentication: {preshared_key: branch-office}",
        "- 3des-cbc / hmac-sha1-96 | hmac-md5-96 / modp-1024",
        "lifetime_kilobytes: 100000",
        "session_key_pfs: no",
        "ike_version: 1",
        "lifetime: 8h",
        "start: always",
        "enabled: no",
    ):
        assert part in text


def test_no_key_is_in_it_but_its_name() -> None:
    assert "branch-office" in again(SHORT)


def test_durations() -> None:
    assert [format_duration(n) for n in (0, 59, 60, 5400, 28800, 28801)] == [
        "0s", "59s", "1m", "1h30m", "8h", "8h1s",
    ]  # fmt: skip
