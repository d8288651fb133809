"""Every row of the documented catalogue has a case, and every case a row."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.faults.catalogue import FAULTS, GOOD, INTERRUPTED

ROOT = Path(__file__).parents[2]

ELSEWHERE: Mapping[str, str] = {
    "11": "faults/test_catalogue.py::"
    "test_11_a_pooled_connection_that_was_closed_is_replaced_unseen",
    "27": "faults/test_catalogue.py::test_27_a_context_overflow_goes_to_larger_windows_only",
    "29": "pipeline/test_breakers.py::"
    "test_it_survives_a_restart_and_half_opens_when_its_time_is_over",
    "30": "endings/test_disconnected.py::"
    "test_a_client_that_leaves_mid_stream_stops_the_provider_and_is_billed",
    "31": "endings/test_slow_reader.py::"
    "test_a_slow_reader_holds_the_provider_back_and_gets_everything",
    "32": "endings/test_rejected.py::test_a_bad_body_is_explained_recorded_and_costs_nothing",
    "41": "faults/test_catalogue.py::"
    "test_41_a_crowd_of_streams_under_faults_completes_or_visibly_fails",
}
"""Rows whose case is more than a script and what follows from it."""


def documented() -> list[str]:
    """The numbers of the catalogue in docs/faults.md."""
    text = (ROOT / "docs" / "faults.md").read_text("utf-8")
    section = text.split("## What providers do\n")[1].split("\n## ")[0]
    return re.findall(r"^\| (\d+[a-z]?) \|", section, re.MULTILINE)


def test_rows_and_cases_are_the_same() -> None:
    numbers = documented()
    cases = {name.split(" ")[0] for name in (*FAULTS, *GOOD, *INTERRUPTED)}
    assert len(numbers) == len(set(numbers))
    assert set(numbers) == cases | ELSEWHERE.keys()


@pytest.mark.parametrize("row", ELSEWHERE)
def test_a_case_that_stands_elsewhere_is_there(row: str) -> None:
    file, _, name = ELSEWHERE[row].partition("::")
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    functions = [n.name for n in tree.body if isinstance(n, ast.AsyncFunctionDef | ast.FunctionDef)]
    assert name in functions
