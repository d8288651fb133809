"""``llmrouter db``, beside a server and without one."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke, Server


def ledger_of(place: Path) -> Path:
    return place / "data" / "llmrouter.db"


@pytest.fixture
def beside(invoke: Invoke, server: Server, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Calls commands with the data folder of a server that runs."""
    monkeypatch.setenv("LLMROUTER_DATA_DIR", str(server.data_dir))
    return invoke


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_a_ledger_that_a_server_writes_agrees_with_itself(beside: Invoke) -> None:
    result = beside("db", "check")
    assert result.exit_code == 0, result.output
    assert "the ledger agrees with itself" in result.stdout


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE usage_day SET requests = requests + 1", "usage_day"),
        ("UPDATE usage_total SET cost_nusd = cost_nusd + 1", "cost_nusd"),
        ("UPDATE usage_attempt_day SET attempts = 9", "attempts"),
        ("DELETE FROM usage_mode", "usage_mode"),
        ("UPDATE request SET category = 'other' WHERE ending = 'completed'", "category"),
        ("UPDATE attempt SET output_tokens = 7777", "output_tokens"),
        ("DELETE FROM attempt WHERE n = 1", "row"),
        ("DELETE FROM event_row WHERE seq = 0", "events"),
    ],
)
def test_whatever_does_not_agree_is_named(
    statement: str, told: str, invoke: Invoke, ledger: Path
) -> None:
    assert invoke("db", "check").exit_code == 0
    change(ledger_of(ledger), statement)
    result = invoke("db", "check", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert not found["agrees"]
    assert any(told in (d["where"].split()[0], d["member"]) for d in found["differences"])


def test_stats_tell_rows_bytes_and_what_a_request_takes(invoke: Invoke, ledger: Path) -> None:
    found = json.loads(invoke("db", "stats", "--json").stdout)
    rows = {table["name"]: table["rows"] for table in found["tables"]}
    assert rows["request"] == 4
    assert found["oldest_at"] < found["newest_at"]
    assert found["total_bytes"] == ledger_of(ledger).stat().st_size
    shown = invoke("db", "stats").stdout
    assert "without bodies, a request takes" in shown


def test_a_backup_is_made_beside_the_server_and_can_be_used(
    beside: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "elsewhere" / "llmrouter.db"
    copy.parent.mkdir()
    assert beside("db", "backup", str(copy)).exit_code == 0
    assert copy.stat().st_mode & 0o777 == 0o600
    again = beside("db", "backup", str(copy))
    assert again.exit_code == 1
    assert "exists already" in again.stderr

    monkeypatch.setenv("LLMROUTER_DATA_DIR", str(copy.parent))
    assert beside("db", "check").exit_code == 0
    assert len(json.loads(beside("requests", "--json").stdout)["requests"]) > 0


def test_a_vacuum_is_refused_while_a_server_holds_the_file(beside: Invoke) -> None:
    result = beside("db", "vacuum")
    assert result.exit_code == 1
    assert "stop the server first" in result.stderr


def test_a_vacuum_gives_room_back(invoke: Invoke, ledger: Path) -> None:
    path = ledger_of(ledger)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE filler (data)")
        connection.execute("INSERT INTO filler VALUES (zeroblob(1000000))")
        connection.execute("DROP TABLE filler")
    found = json.loads(invoke("db", "vacuum", "--json").stdout)
    assert found["bytes_after"] < found["bytes_before"] - 900_000
    assert invoke("db", "check").exit_code == 0


@pytest.mark.parametrize("arguments", [("check",), ("stats",), ("vacuum",), ("backup", "x.db")])
def test_without_a_ledger_it_is_said_how_to_make_one(
    arguments: tuple[str, ...], invoke: Invoke, place: Path
) -> None:
    result = invoke("db", *arguments)
    assert result.exit_code == 1
    assert "there is no ledger" in result.stderr
    assert not (place / "x.db").exists()
