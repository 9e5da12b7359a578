from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from gatewright.control.models import AssignRequest, Problem, Progress, Status, TunnelResult
from tests.unit.control.doubles import NOW


def test_fields_of_a_newer_gateway_are_ignored() -> None:
    read = Problem.model_validate_json('{"code": "c", "what": "w", "since": "version 9"}')
    assert read == Problem(code="c", what="w")


def test_a_snapshot_does_not_change_after_it_was_taken() -> None:
    problem = Problem(code="c", what="w")
    with pytest.raises(ValidationError, match="frozen"):
        problem.what = "x"


def test_times_have_their_zone_and_the_version_goes_along() -> None:
    written = json.loads(Status(gateway_version="0", pid=1, started=NOW, now=NOW).model_dump_json())
    assert written["started"] == "2026-01-02T03:04:05Z"
    assert written["version"] == 1


def test_a_policy_file_without_bound_is_refused() -> None:
    most = 16 * 1024 * 1024
    assert AssignRequest(text="x" * most, filename="/p.yaml").filename == "/p.yaml"
    with pytest.raises(ValidationError):
        AssignRequest(text="x" * (most + 1), filename="/p.yaml")


def test_a_result_of_another_kind_is_no_result() -> None:
    result = {"tunnel": "t", "result": "perhaps", "text": ""}
    with pytest.raises(ValidationError):
        TunnelResult.model_validate(result)
    ended = Progress.model_validate({"result": result | {"result": "up"}}).result
    assert ended is not None
    assert ended.failure is None
