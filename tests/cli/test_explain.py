"""``llmrouter explain``: classification and decision without a server."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke


def explained(invoke: Invoke, *arguments: str) -> Any:
    result = invoke("explain", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("arguments", "category", "decided_by"),
    [
        (("Write a Python function",), "code", "keywords"),
        (("Bonjour, tu vas bien ?",), "conversation", "keywords"),
        (("--tools", "What is the weather?"), "tools", "tools"),
        (("--model", "reasoning", "Hello"), "reasoning", "requested"),
        (("--model", "swift/mini", "Hello"), None, "requested"),
    ],
)
def test_a_message_is_classified_as_the_ledgers_configuration_has_it(
    ledger: Path, invoke: Invoke, arguments: tuple[str, ...], category: str, decided_by: str
) -> None:
    found = explained(invoke, *arguments)

    assert found["classification"]["category"] == category
    assert found["classification"]["decided_by"] == decided_by
    assert found["decision"]["config_version"] == 2


def test_breakers_are_those_of_the_ledger(ledger: Path, invoke: Invoke) -> None:
    database = ledger / "data" / "llmrouter.db"
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE breaker SET state = 'open', open_until_us = 1e15 * 9 WHERE model = 'coder'"
        )

    candidates = explained(invoke, "Write a Python function")["decision"]["candidates"]

    assert [(c["target"], c["refused"]) for c in candidates] == [
        ("shaky/coder", "breaker_open"),
        ("sage/coder", None),
    ]


def test_people_get_scores_evidence_latency_and_every_candidate(
    ledger: Path, invoke: Invoke
) -> None:
    text = invoke("explain", "Write a Python function").stdout

    assert "category    code" in text
    assert "scores      code" in text
    assert "evidence    python" in text
    assert "ms to classify" in text
    assert "1.  shaky/coder" in text
    assert "2.  sage/coder" in text


def test_without_a_ledger_the_built_in_configuration_is_explained(
    place: Path, invoke: Invoke
) -> None:
    text = invoke("explain", "--model", "gpt-4o-mini", "Hello").stdout

    assert "the built-in configuration" in text
    assert "no_credentials (OPENAI_API_KEY is not set)" in text
    assert "No candidate can be asked" in text
    assert not (place / "data").exists()


def test_a_model_that_does_not_exist_is_told_with_the_nearest(invoke: Invoke) -> None:
    result = invoke("explain", "--model", "gpt-4x", "Hello")

    assert result.exit_code == 1
    assert "There is no model or route called `gpt-4x`. Did you mean `gpt-4o`" in result.stderr


def test_a_text_is_needed(invoke: Invoke) -> None:
    assert invoke("explain").exit_code == 2
