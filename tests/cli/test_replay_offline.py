"""`llmrouter replay`: on a ledger that nobody holds, and beside the server that does."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke, Server

TO_SHAKY = 'categories.code.models=["shaky/coder"]'


def test_a_replay_is_run_shown_compared_promoted_and_written_to_files(
    ledger: Path, invoke: Invoke
) -> None:
    ran = invoke("replay", "--set", TO_SHAKY, "--csv", "r.csv", "--html", "r.html")
    assert ran.exit_code == 0, ran.output
    assert "replay 1: version 2, " + TO_SHAKY in ran.stdout
    assert "1 decisions change" in ran.stdout
    rows = (ledger / "r.csv").read_text().splitlines()
    assert rows[0].startswith("request_id,changed,old_category")
    assert len(rows) == 5
    page = (ledger / "r.html").read_text()
    assert "<script" not in page
    assert "shaky/coder" in page

    again = invoke("replay", "--mode", "local", "--json")
    report = json.loads(again.stdout)["report"]
    assert (report["requests"], report["candidate"]) == (4, 'version 2, routing.mode="local"')
    listed = json.loads(invoke("replay", "list", "--json").stdout)["replays"]
    assert [row["state"] for row in listed] == ["finished", "finished"]
    assert invoke("replay", "show", "1").exit_code == 0
    assert "replay 2" in invoke("replay", "diff", "1", "2").stdout
    promoted = invoke("replay", "promote", "1")
    assert "replay 1 is configuration version 3" in promoted.stdout
    newest = json.loads(invoke("config", "versions", "--json").stdout)["versions"][0]
    assert newest["note"].startswith("promoted from replay 1")


def test_what_was_is_decided_again_and_nothing_changes(ledger: Path, invoke: Invoke) -> None:
    checked = invoke("replay", "--check", "--json")
    found = json.loads(checked.stdout)
    assert checked.exit_code == 0, checked.output
    assert (found["holds"], found["requests"], found["decided"]) == (True, 4, 4)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "say what to try"),
        (("--check", "--mode", "local"), 2, "tries nothing"),
        (("--set", "routing.mode"), 1, "is no change"),
        (("--set", 'categories.code.modles=["a/b"]'), 1, "did you mean `models`?"),
        (("--set", 'categories.code.models=["nobody-knows"]'), 1, "is no alias"),
        (("--version", "77"), 1, "no configuration version 77"),
        (("--mode", "local", "--category", "poetry"), 1, "no requests in this window"),
        (("--mode", "local", "--judge", "a/b"), 2, "--judge is for --live"),
        (("--mode", "local", "--live", "--max-usd", "nan"), 2, "must be a number of dollars"),
        (("--mode", "local", "--live", "--max-usd", "1", "--prices", "today"), 2, "send nothing"),
        (("--mode", "local", "--live", "--max-usd", "1", "--resume", "1"), 2, "goes on with what"),
        (("--mode", "local", "--html", "nowhere/r.html"), 2, "its folder does not exist"),
        (("--set", "categories.codes=null"), 1, "there is none to remove; did you mean `code`?"),
        (("show", "9"), 1, "no replay 9"),
        (("resume", "9"), 1, "no replay 9"),
        (("promote", "9"), 1, "no replay 9"),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_a_reason(
    ledger: Path, invoke: Invoke, arguments: tuple[str, ...], code: int, says: str
) -> None:
    refused = invoke("replay", *arguments)
    assert refused.exit_code == code, refused.output
    assert says in refused.output


def test_beside_a_server_the_server_does_it_in_a_process_of_its_own(
    server: Server, place: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMROUTER_DATA_DIR", str(server.data_dir))
    monkeypatch.setenv("LLMROUTER_PORT", server.port)
    ran = invoke("replay", "--set", TO_SHAKY, "--json")
    assert ran.exit_code == 0, ran.output
    shown = json.loads(ran.stdout)
    assert (shown["state"], shown["done"], shown["report"]["decided"]) == ("finished", 4, 4)
    # The server dies in the midst of another one: it is shown as interrupted, and goes on.
    number = shown["id"]
    with sqlite3.connect(server.data_dir / "llmrouter.db") as database:
        database.execute("UPDATE replays SET state = 'interrupted', report = NULL")
        database.execute("DELETE FROM replay_results WHERE request_id % 2 = 0")
    database.close()
    resumed = invoke("replay", "resume", str(number), "--json")
    assert resumed.exit_code == 0, resumed.output
    assert json.loads(resumed.stdout)["report"] == shown["report"]
