"""``llmrouter replay --live`` as a user calls it."""

from __future__ import annotations

import asyncio
import csv
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmrouter.store.engine import read_address
from tests.cli.conftest import Invoke
from tests.provider import Provider
from tests.running import lab, running_router

PRICES = {
    f"lab/{name}": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2} for name in ("fast", "new")
}


class ProviderBeside:
    """A provider in a thread of its own: commands run an event loop of theirs."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.provider = Provider()
        self.wait(self.provider.__aenter__())

    def wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def close(self) -> None:
        self.wait(self.provider.__aexit__(None, None, None))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()


@pytest.fixture
def beside() -> Iterator[ProviderBeside]:
    provider = ProviderBeside()
    yield provider
    provider.close()


@pytest.fixture
def replayable(place: Path, beside: ProviderBeside, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place with three requests in its ledger, answered by ``lab/fast``."""
    monkeypatch.setenv("LAB_API_KEY", "planted-lab-key-0f9e8d7c6b5a")
    monkeypatch.setenv("SPARE_API_KEY", "planted-spare-key-1a2b3c4d5e6f")
    document = lab(beside.provider, routes={"team": ["lab/fast"]}, prices=PRICES)
    (place / "data").mkdir()
    address = read_address(None, place / "data")

    async def fill() -> None:
        async with running_router(address, document) as router:
            for text in ("one", "two", "three"):
                assert (await router.chat(text, model="team", max_tokens=9)).status_code == 200

    beside.wait(fill())
    return place


CHANGE = 'combos.team.models=["lab/new"]'


def test_requests_are_sent_within_a_budget_and_reported(replayable: Path, invoke: Invoke) -> None:
    shown = invoke("replay", "--set", CHANGE, "--live", "--max-usd", "1")
    assert shown.exit_code == 0, shown.output
    assert "replay 1: 3 of 3 requests settled, 3 sent" in shown.stdout
    assert "stop 3" in shown.stdout
    listed = json.loads(invoke("requests", "--purpose", "replay", "--json").stdout)["requests"]
    assert [row["model"] for row in listed] == ["lab/new"] * 3
    assert len(json.loads(invoke("requests", "--json").stdout)["requests"]) == 3

    document = json.loads(
        invoke(
            "replay", "--set", CHANGE, "--live", "--max-usd", "1", "--limit", "2", "--json"
        ).stdout
    )
    assert (document["replay"], document["sent"], document["requests"]) == (2, 2, 2)
    assert document["cost_change_usd"]["n"] == 2


def test_a_budget_that_is_too_small_is_said_and_can_be_raised(
    replayable: Path, invoke: Invoke
) -> None:
    shown = invoke("replay", "--set", CHANGE, "--live", "--max-usd", "0.0005")
    assert "what is left of the budget does not cover" in shown.stdout
    assert "`llmrouter replay --live --resume 1 --max-usd" in shown.stdout
    assert "llmrouter replay --live --resume 1" in invoke("replay", "resume", "1").stderr
    shown = invoke("replay", "--resume", "1", "--live", "--max-usd", "1", "--max-requests", "1")
    assert "--max-requests was reached" in shown.stdout
    shown = invoke("replay", "--resume", "1", "--live", "--max-usd", "1")
    assert "replay 1: 3 of 3 requests settled, 3 sent" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--live"], 2, "--live needs --max-usd"),
        (["--live", "--max-usd", "0"], 2, "--max-usd"),
        (["--live", "--max-usd", "1", "--set", "nonsense"], 1, "is no change"),
        (["--live", "--max-usd", "1", "--set", "routng.mode=local"], 1, "unknown key"),
        (["--live", "--max-usd", "1", "--set", "combos.team.models=[]"], 1, "combos.team.models"),
        (["--live", "--max-usd", "1", "--version", "99"], 1, "is no configuration version 99"),
        (["--live", "--max-usd", "1", "--since", "2030-01-01"], 1, "no requests in this window"),
        (["--live", "--max-usd", "1", "--judge", "lab/unpriced"], 1, "price of the judge"),
        (["--live", "--max-usd", "1", "--judge", "nobody"], 1, "nobody"),
        (["--live", "--max-usd", "1", "--resume", "7"], 1, "there is no replay 7"),
        (["--live", "--max-usd", "1", "--config", "nowhere.json"], 2, "nowhere.json"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(
    replayable: Path,
    beside: ProviderBeside,
    invoke: Invoke,
    arguments: list[str],
    code: int,
    told: str,
) -> None:
    result = invoke("replay", *arguments)
    assert result.exit_code == code, result.output
    assert told in result.stderr
    assert len(beside.provider.seen) == 3
    assert json.loads(invoke("requests", "--purpose", "replay", "--json").stdout)["requests"] == []


def test_unknown_prices_are_bound_by_a_number_of_requests(replayable: Path, invoke: Invoke) -> None:
    free = ("--set", "prices={}", "--set", CHANGE, "--live", "--max-usd", "1")
    refused = invoke("replay", *free, "--allow-unknown-prices")
    assert refused.exit_code == 2
    assert "--allow-unknown-prices needs --max-requests" in refused.stderr


def test_a_comparison_is_written_as_a_table_and_as_a_page(replayable: Path, invoke: Invoke) -> None:
    result = invoke(
        "replay", "--set", CHANGE, "--live", "--max-usd", "1", "--baseline", "ask",
        "--csv", "out.csv", "--html", "out.html",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    with (replayable / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["new_target"] for row in rows] == ["lab/new"] * 3
    assert {row["old_finish_reason"] for row in rows} == {"stop"}
    assert {row["new_finish_reason"] for row in rows} == {"stop"}
    assert all(int(row["spent_nusd"]) > 0 for row in rows)
    shown = (replayable / "out.html").read_text()
    assert "Live replay 1" in shown
    assert "finish reasons" in shown
    again = invoke("replay", "show", "1")
    assert "3 of 3 requests settled, 3 sent" in again.stdout


def test_beside_a_server_the_server_sends(
    replayable: Path, beside: ProviderBeside, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = lab(beside.provider, routes={"team": ["lab/fast"]}, prices=PRICES)
    serving = running_router(read_address(None, replayable / "data"), document)
    router = beside.wait(serving.__aenter__())
    try:
        monkeypatch.setenv("LLMROUTER_PORT", str(router.port))
        shown = invoke("replay", "--set", CHANGE, "--live", "--max-usd", "1")
        assert shown.exit_code == 0, shown.output
        assert "replay 1: 3 of 3 requests settled, 3 sent" in shown.stdout
        poor = invoke("replay", "--set", CHANGE, "--live", "--max-usd", "0.0005")
        assert "what is left of the budget" in poor.stdout
        more = invoke("replay", "--resume", "2", "--live", "--max-usd", "1")
        assert "replay 2: 3 of 3 requests settled, 3 sent" in more.stdout
    finally:
        beside.wait(serving.__aexit__(None, None, None))
    assert sum(seen.json["model"] == "new" for seen in beside.provider.seen) == 6
