from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gatewright.dataplane.kernel.statistics import counter_meanings, parse, read_statistics

TEXT = """\
XfrmInError             \t0
XfrmInNoStates          \t3
XfrmOutNew\t4
XfrmInTmplMismatch\t5
"""


def test_counters_have_our_names() -> None:
    assert parse(TEXT) == {
        "drop_in_error": 0,
        "drop_in_no_sa": 3,
        "drop_in_clear_or_wrong_tunnel": 5,
    }


def test_each_counter_has_a_name_of_its_own_and_a_sentence() -> None:
    meanings = counter_meanings()
    assert len(meanings) == 30
    assert all(name.startswith("drop_") for name in meanings)
    assert all(meaning.endswith(".") for meaning in meanings.values())


def test_a_kernel_without_counters_has_none(tmp_path: Path) -> None:
    assert read_statistics(tmp_path / "none") == {}
    (tmp_path / "some").write_text(TEXT)
    assert read_statistics(tmp_path / "some") == parse(TEXT)


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    parse(text)
