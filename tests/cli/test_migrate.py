"""``llmrouter migrate``: what it says and does to databases in each condition."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from llmrouter.store.migrate import newest_revision
from tests.cli.conftest import Invoke


def test_a_new_database_is_made_and_said(place: Path, invoke: Invoke) -> None:
    result = invoke("migrate", "--json")

    assert json.loads(result.stdout) == {
        "database": str(place / "data" / "llmrouter.db"),
        "from": None,
        "to": newest_revision(),
        "current": False,
        "migrated": True,
    }
    assert "the newest" in invoke("migrate").stdout


def test_check_changes_nothing_and_fails_when_there_is_something_to_do(
    place: Path, invoke: Invoke
) -> None:
    result = invoke("migrate", "--check")

    assert result.exit_code == 1
    assert "run `llmrouter migrate`" in result.stderr
    assert not (place / "data").exists()


def test_check_is_content_with_the_newest_schema(ledger: Path, invoke: Invoke) -> None:
    assert invoke("migrate", "--check").exit_code == 0


def test_a_newer_database_is_refused_and_left_alone(ledger: Path, invoke: Invoke) -> None:
    database = ledger / "data" / "llmrouter.db"
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    results = [
        invoke(*command)
        for command in (("migrate",), ("migrate", "--check"), ("requests",), ("config", "show"))
    ]

    assert [result.exit_code for result in results] == [1, 1, 1, 1]
    for result in results:
        assert "has schema 9999, which this program does not know" in result.stderr


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://localhost/x", "kept in sqlite:// or"),
        ("nonsense", "is no URL"),
        ("sqlite://", "without a file"),
    ],
)
def test_an_address_that_is_no_database_of_ours_is_refused(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, url: str, told: str
) -> None:
    monkeypatch.setenv("LLMROUTER_DATABASE_URL", url)

    result = invoke("migrate")

    assert result.exit_code == 1
    assert told in result.stderr
