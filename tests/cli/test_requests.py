"""``llmrouter requests`` and ``errors``: what the ledger tells of requests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke


def listed(invoke: Invoke, *options: str) -> list[str]:
    result = invoke("requests", "--json", *options)
    assert result.exit_code == 0, result.output
    return [row["client_request_id"] for row in json.loads(result.stdout)["requests"]]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), [4, 3, 2, 1]),
        (("--limit", "2"), [4, 3]),
        (("--ending", "rejected"), [4]),
        (("--ending", "failed"), [3]),
        (("--category", "code"), [2]),
        (("--model", "sage/coder"), [2]),
        (("--model", "mini"), [1]),
        (("--since", "1h"), [4, 3, 2, 1]),
        (("--since", "2100-01-01"), []),
    ],
)
def test_requests_are_listed_newest_first_and_filtered(
    ledger: Path, invoke: Invoke, options: tuple[str, ...], found: list[int]
) -> None:
    assert listed(invoke, *options) == [f"my-request-{n}" for n in found]


def test_the_list_is_a_table_for_people(ledger: Path, invoke: Invoke) -> None:
    lines = invoke("requests").stdout.splitlines()

    assert lines[0].split() == [
        "request", "started", "(UTC)", "ending", "category", "model", "tries", "ms", "cost",
    ]  # fmt: skip
    assert lines[3].split()[3:6] == ["completed", "code", "sage/coder"]
    assert len(lines) == 5


def test_a_story_tells_candidates_attempts_and_cost(ledger: Path, invoke: Invoke) -> None:
    story = invoke("requests", "my-request-2").stdout

    assert "completed, status 200" in story
    assert "code, decided by keywords" in story
    assert "answered by sage/coder, 2 tries" in story
    assert "1.  shaky/coder" in story
    assert "2.  sage/coder" in story
    assert "shaky/coder -> sage/coder" in story
    assert "503, counted by the breaker: the model is overloaded" in story
    assert "(computed)" in story


def test_a_story_is_found_by_the_routers_own_id(ledger: Path, invoke: Invoke) -> None:
    rows = json.loads(invoke("requests", "--json").stdout)["requests"]

    by_ours = invoke("requests", rows[0]["id"], "--json")

    assert json.loads(by_ours.stdout)["request"] == rows[0]


@pytest.mark.parametrize("request_id", ["nothing-like-it", "req_0000000000000", "17"])
def test_an_unknown_request_is_an_error(ledger: Path, invoke: Invoke, request_id: str) -> None:
    result = invoke("requests", request_id)

    assert result.exit_code == 1
    assert f"there is no request `{request_id}`" in result.stderr


@pytest.mark.parametrize(
    "options",
    [("--since", "soon"), ("--limit", "0"), ("--limit", "x"), ("--ending", "well"), ("--nope",)],
)
def test_options_that_make_no_sense_are_wrong_use(
    ledger: Path, invoke: Invoke, options: tuple[str, ...]
) -> None:
    assert invoke("requests", *options).exit_code == 2


def test_errors_lists_every_wrong_field_of_a_rejected_request(ledger: Path, invoke: Invoke) -> None:
    lines = invoke("errors").stdout.splitlines()
    document = json.loads(invoke("errors", "--json").stdout)["errors"]

    assert "422 validation_error" in lines[0]
    assert lines[1].startswith("    temperature: ")
    assert lines[2].startswith(r"    messages.0.role: `us\x07r` ")
    assert lines[3].startswith("    messages.1: ")
    assert [fault["field"] for fault in document[0]["errors"]] == [
        "temperature",
        "messages.0.role",
        "messages.1",
    ]
    assert document[0]["client_request_id"] == "my-request-4"


def test_errors_can_be_none(ledger: Path, invoke: Invoke) -> None:
    assert invoke("errors", "--since", "2100-01-01").stdout == "no request was rejected\n"


@pytest.mark.parametrize("command", [("requests",), ("errors",)])
def test_without_a_ledger_the_message_says_what_makes_one(
    place: Path, invoke: Invoke, command: tuple[str, ...]
) -> None:
    result = invoke(*command)

    assert result.exit_code == 1
    assert "`llmrouter serve` makes one" in result.stderr
    assert not (place / "data").exists()


def test_a_damaged_ledger_is_named_and_left_alone(ledger: Path, invoke: Invoke) -> None:
    path = ledger / "data" / "llmrouter.db"
    path.write_bytes(b"not a database at all" * 500)

    result = invoke("requests")

    assert result.exit_code == 1
    assert f"database {path} is damaged" in result.stderr
    assert path.read_bytes().startswith(b"not a database")
