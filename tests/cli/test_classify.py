"""``llmrouter classify``: measuring, and what a wrong file is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llmrouter.cli import cli

ROWS = [
    {"text": "Write a Python function that reverses a list", "category": "code"},
    {"prompt": "Salut, ça va ?", "category": "conversation"},
    {"messages": [{"role": "user", "content": "Prove that 2 is prime"}], "category": "code"},
    {"text": "No label here"},
]


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLMROUTER_DATA_DIR", str(tmp_path / "data"))


def classify(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["classify", *arguments])


def write(rows: list[object]) -> str:
    Path("prompts.jsonl").write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return "prompts.jsonl"


def test_labels_are_compared_and_rows_without_one_are_counted() -> None:
    result = classify("--file", write(list(ROWS)), "--mode", "keywords", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert (found["rows"], found["labelled"]) == (4, 3)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["confusion"] == [{"label": "code", "answered": "reasoning", "rows": 1}]


def test_people_get_a_table() -> None:
    result = classify("--file", write(list(ROWS)), "--mode", "local")
    assert "4 prompts" in result.output
    assert "answered by local 4" in result.output
    assert "precision" in result.output


@pytest.mark.parametrize(
    ("rows", "told"),
    [(["text"], 'line 1: has no "text"'), ([{"text": 3}], "line 1"), ([{}], "line 1")],
)
def test_a_wrong_line_is_named(rows: list[object], told: str) -> None:
    result = classify("--file", write(rows))
    assert result.exit_code == 1
    assert told in result.output


def test_a_line_that_is_no_json_is_named() -> None:
    Path("broken.jsonl").write_text('{"text": "x"}\n{oops\n', "utf-8")
    result = classify("--file", "broken.jsonl")
    assert result.exit_code == 1
    assert "line 2: no JSON" in result.output


@pytest.mark.parametrize("arguments", [(), ("--corrections", "--file", "prompts.jsonl")])
def test_one_of_file_and_corrections_is_asked_for(arguments: tuple[str, ...]) -> None:
    write(list(ROWS))
    assert classify(*arguments).exit_code == 2


def test_corrections_without_a_ledger_say_so() -> None:
    result = classify("--corrections")
    assert result.exit_code == 1
    assert "no ledger" in result.output
