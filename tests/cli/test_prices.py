"""``llmrouter prices``: each source is imported from a small file, and costs are computed anew."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke

CSV = (
    "model,unit_class,usd_per_million,service_tier,from_input_tokens\n"
    "openai/gpt-4.1,input,3,,\nopenai/gpt-4.1,output,9,,\nopenai/gpt-4.1,input,1.5,flex,\n"
)
LITELLM = {
    "gpt-4.1": {
        "litellm_provider": "openai",
        "mode": "chat",
        "input_cost_per_token": 3e-6,
        "output_cost_per_token": 9e-6,
        "input_cost_per_token_flex": 1.5e-6,
    },
    "gpt-free": {"litellm_provider": "openai", "mode": "chat"},
}
OPENROUTER = {
    "data": [
        {"id": "vendor/new", "pricing": {"prompt": "0.000003", "completion": "0.000009"}},
        {"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}},
    ]
}
SOURCES = [
    pytest.param("csv", CSV, "openai/gpt-4.1", 0, id="csv"),
    pytest.param("litellm-json", json.dumps(LITELLM), "openai/gpt-4.1", 1, id="LiteLLM"),
    pytest.param("openrouter", json.dumps(OPENROUTER), "openrouter/vendor/new", 1, id="OpenRouter"),
]


def read(invoke: Invoke, *arguments: str) -> Any:
    result = invoke("prices", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(("source", "text", "model", "skipped"), SOURCES)
def test_a_source_is_imported_once_and_what_it_says_counts(
    source: str, text: str, model: str, skipped: int, ledger: Path, invoke: Invoke
) -> None:
    (ledger / "prices.file").write_text(text)
    order = (source, "prices.file")
    before = read(invoke, "show", model)
    told = read(invoke, "diff", *order)
    assert [added["model"] for added in told["added"]] == [model]
    assert len(told["skipped"]) == skipped
    tried = read(invoke, "import", *order, "--dry-run")
    assert [added["model"] for added in tried["added"]] == [model]
    assert read(invoke, "show", model) == before

    assert invoke("prices", "import", *order).stdout.splitlines()[-1] == (
        f"1 added, 0 unchanged, {skipped} skipped"
    )
    after = read(invoke, "show", model)
    assert after["current"]["origin"] == "import"
    usd = after["current"]["usd_per_million"]
    assert (usd["input"], usd["output"]) == (3, 9)
    assert len(after["cards"]) == len(before["cards"]) + 1  # nothing is overwritten
    assert (read(invoke, "import", *order)["added"], read(invoke, "show", model)) == ([], after)


def test_the_package_of_prices_is_imported(ledger: Path, invoke: Invoke) -> None:
    pytest.importorskip("genai_prices")
    told = read(invoke, "import", "genai-prices")
    assert told["skipped"] == [] or told["skipped"][0]["reason"]
    assert read(invoke, "import", "genai-prices")["added"] == []
    assert read(invoke, "show", "openai/gpt-4o-mini")["current"]["usd_per_million"]["input"] > 0


@pytest.mark.parametrize(
    ("order", "told"),
    [
        (("csv",), "FILE"),
        (("litellm-json",), "FILE"),
        (("csv", "prices.file"), "lacks"),
        (("litellm-json", "prices.file"), "prices.file"),
        (("csv", "missing.csv"), "does not exist"),
    ],
)
def test_what_cannot_be_read_is_said(
    order: tuple[str, ...], told: str, ledger: Path, invoke: Invoke
) -> None:
    (ledger / "prices.file").write_text("model,price\n")
    result = invoke("prices", "import", *order)
    assert result.exit_code in (1, 2)
    assert told in result.stderr


def test_what_was_set_by_hand_is_left_alone(ledger: Path, invoke: Invoke) -> None:
    (ledger / "prices.file").write_text(CSV)
    set_by_hand = ("openai/gpt-4.1", "--input", "7", "--output", "8")
    assert invoke("prices", "set", *set_by_hand).exit_code == 0
    told = read(invoke, "import", "csv", "prices.file")
    assert (told["added"], [one["model"] for one in told["skipped"]]) == ([], ["openai/gpt-4.1"])
    assert read(invoke, "show", "openai/gpt-4.1")["current"]["origin"] == "manual"


def test_the_running_configurations_prices_count_for_all_times_where_that_is_asked(
    ledger: Path, invoke: Invoke
) -> None:
    cost = "SELECT sum(cost_nusd) FROM attempt"
    priced = dict(
        sql(
            ledger,
            "SELECT provider || '/' || model, count(*) FROM attempt "
            "WHERE usage_source = 'provider' GROUP BY 1",
        )
    )
    (before,) = sql(ledger, cost)
    document = json.loads((ledger / "router_config.json").read_text())
    for model in priced:
        document.setdefault("prices", {})[model] = {
            "input_usd_per_mtok": 1_000,
            "output_usd_per_mtok": 1_000,
        }
    (ledger / "dear.json").write_text(json.dumps(document))
    assert invoke("config", "import", "dear.json").exit_code == 0

    as_of_then = read(invoke, "recompute", "--since", "7d")
    assert (as_of_then["requests"], as_of_then["changed"]) == (2, 0)
    assert sql(ledger, cost) == [before]
    order = ("recompute", "--since", "7d", "--current-configuration")
    assert read(invoke, *order, "--dry-run")["changed"] == sum(priced.values())
    assert sql(ledger, cost) == [before]
    assert read(invoke, *order)["changed"] == sum(priced.values())
    (tokens,) = sql(ledger, "SELECT sum(input_tokens + output_tokens) FROM attempt")
    assert sql(ledger, cost) == [(tokens[0] * 1_000_000,)]
    assert read(invoke, *order)["changed"] == 0
    assert invoke("db", "check").exit_code == 0


def test_requests_whose_events_are_gone_keep_their_cost_and_are_counted(
    ledger: Path, invoke: Invoke
) -> None:
    with sqlite3.connect(ledger / "data" / "llmrouter.db") as connection:
        connection.execute("DELETE FROM event_row")
    told = read(invoke, "recompute", "--since", "7d", "--current-configuration")
    assert (told["requests"], told["changed"], told["without_events"]) == (2, 0, 2)
    said = invoke("prices", "recompute", "--since", "7d")
    assert "2 requests' events are no longer kept; they stay" in said.stdout


def sql(place: Path, question: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(place / "data" / "llmrouter.db") as connection:
        return connection.execute(question).fetchall()
