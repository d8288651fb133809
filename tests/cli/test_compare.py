"""``llmrouter config compare``: two versions side by side, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Invoke


def test_two_versions_are_compared_as_text_and_as_json(ledger: Path, invoke: Invoke) -> None:
    shown = invoke("config", "compare", "2", "2")
    assert shown.exit_code == 0, shown.output
    assert "version 2: 4 live requests" in shown.stdout
    assert "failed or broke off" in shown.stdout
    assert "33.33% [6.15%, 79.23%]" in shown.stdout
    assert "version 2 has only 4 requests here" in shown.stdout

    document = json.loads(invoke("config", "compare", "2", "2", "--json").stdout)
    figures = {figure["name"]: figure for figure in document["figures"]}
    assert figures["error_rate"]["before"]["n"] == 3
    assert figures["error_rate"]["change"]["value"] == 0
    assert figures["error_rate"]["change"]["clear"] is False
    assert {shift["dimension"] for shift in document["traffic"]} == {
        "key",
        "dialect",
        "stream",
        "requested_model",
        "input_tokens",
        "time_of_day",
    }


def test_a_version_without_requests_is_said_to_have_none(ledger: Path, invoke: Invoke) -> None:
    result = invoke("config", "compare", "1", "2")
    assert result.exit_code == 1
    assert "version 1 has no live requests in the ledger" in result.stderr
    result = invoke("config", "compare", "2", "2", "--until", "2020-01-01")
    assert "no live requests in this window" in result.stderr


def test_a_version_that_does_not_exist_is_told(ledger: Path, invoke: Invoke) -> None:
    result = invoke("config", "compare", "2", "99")
    assert result.exit_code == 1
    assert "there is no configuration version 99" in result.stderr
