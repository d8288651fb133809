"""``llmrouter import``: what a user sees of it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke, Server

LOGS = Path(__file__).parent.parent / "importing" / "logs"
LITELLM = str(LOGS / "litellm.jsonl")


def test_a_log_is_imported_and_kept_apart(place: Path, invoke: Invoke) -> None:
    trial = invoke("import", "litellm-jsonl", LITELLM, "--dry-run")
    assert trial.exit_code == 0, trial.output
    assert "8 lines: 5 would be imported, 0 known already" in trial.stdout
    assert not (place / "data" / "llmrouter.db").exists()

    first = invoke("import", "litellm-jsonl", LITELLM)
    assert "8 lines: 5 imported, 0 known already" in first.stdout
    assert "2 could not be understood" in first.stdout
    assert "line 4: is no JSON" in first.stderr
    assert "1 were no chat requests: call_type aembedding" in first.stdout

    again = json.loads(invoke("import", "litellm-jsonl", LITELLM, "--json").stdout)
    assert (again["imported"], again["known"], again["bad"]) == (0, 5, 2)

    assert "no such requests" in invoke("requests").stdout
    listed = json.loads(invoke("requests", "--purpose", "imported", "--json").stdout)
    assert {request["purpose"] for request in listed["requests"]} == {"imported"}
    assert "chatcmpl-harbour-1" in invoke("requests", "chatcmpl-harbour-1").stdout


def test_a_compressed_batch_is_imported_with_its_requests(place: Path, invoke: Invoke) -> None:
    packed = place / "output.jsonl.gz"
    packed.write_bytes(gzip.compress((LOGS / "openai.jsonl").read_bytes()))
    asked = str(LOGS / "openai-batch-input.jsonl")
    result = invoke(
        "import", "openai-jsonl", str(packed), "--requests", asked, "--list-prices", "--json"
    )
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (document["imported"], document["without_body"]) == (3, 0)
    # Neither what the batch cost is known nor what the dated version does.
    assert document["without_cost"] == 2


def test_a_file_in_another_format_is_told(place: Path, invoke: Invoke) -> None:
    result = invoke("import", "langfuse-jsonl", str(LOGS / "openai.jsonl"))
    assert result.exit_code == 1
    assert "is it langfuse-jsonl?" in result.stderr
    assert invoke("import", "litellm-jsonl", LITELLM, "--requests", LITELLM).exit_code == 2
    assert invoke("import", "csv", LITELLM).exit_code == 2


def test_a_ledger_that_a_server_holds_is_left_alone(
    server: Server, place: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMROUTER_DATA_DIR", str(server.data_dir))
    result = invoke("import", "litellm-jsonl", LITELLM)
    assert result.exit_code == 1
    assert "Stop it for the import; or import into a ledger of its own" in result.stderr
    trial = invoke("import", "litellm-jsonl", LITELLM, "--dry-run")
    assert trial.exit_code == 0, trial.output
