"""Live replays against real providers: money, rows, resumption, comparison, judging."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import pytest

from llmrouter.core.replay import ReplayWindow
from llmrouter.replay.live_options import LiveOptions, LiveOrder
from llmrouter.settings import Settings, read_settings
from llmrouter.store.engine import DatabaseAddress
from tests.provider import Provider, Seen, Wire, answer, hang, status
from tests.replay.live_runs import LiveEnd, replay_live
from tests.running import KEYS, ON_SQLITE, eventually, lab, running_router
from tests.store.samples import ask

USD = 10**9
PRICES = {
    "lab/fast": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2},
    "lab/new": {"input_usd_per_mtok": 3, "output_usd_per_mtok": 4},
    "lab/judge": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1},
}
OLD, NEW = {"team": ["lab/fast"]}, {"team": ["lab/new"]}


def settings_of(database: DatabaseAddress, folder: Path) -> Settings:
    url = database.url.render_as_string(hide_password=False)
    with patch.dict(os.environ, clear=True):
        return read_settings(env_file=None, data_dir=str(folder), database_url=url)


async def logged(database: DatabaseAddress, provider: Provider, texts: list[str]) -> None:
    """Requests that the old route answered."""
    document = lab(provider, routes=OLD, prices=PRICES)
    async with running_router(database, document) as router:
        for text in texts:
            reply = await router.chat(text, model="team", max_tokens=100)
            assert reply.status_code == 200


async def live(
    database: DatabaseAddress,
    provider: Provider,
    folder: Path,
    *,
    resumed: int | None = None,
    prices: Mapping[str, Any] = PRICES,
    **options: Any,
) -> LiveEnd:
    settings = settings_of(database, folder)
    order = LiveOrder(ReplayWindow(), LiveOptions(**{"max_nusd": USD, **options}))
    document = lab(provider, routes=NEW, prices=prices)
    return await replay_live(settings, document, order, resumed=resumed)


def replayed(database: DatabaseAddress, columns: str) -> list[tuple[Any, ...]]:
    return ask(database, f"SELECT {columns} FROM request WHERE purpose = 'replay' ORDER BY id")


def texts(provider: Provider, model: str) -> Counter[str]:
    return Counter(
        seen.json["messages"][-1]["content"]
        for seen in provider.seen
        if seen.json["model"] == model
    )


async def test_requests_are_sent_to_the_new_target_and_kept_apart(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    async with Provider() as provider:
        await logged(database, provider, ["one", "two", "three"])
        before = ask(database, "SELECT * FROM usage_hour ORDER BY 1, 2, 3, 4, 5")
        end = await live(database, provider, tmp_path)
        assert texts(provider, "new") == Counter(["one", "two", "three"])
        rows = replayed(database, "replay_id, provider, model, ending, attempts")
        assert rows == [(end.number, "lab", "new", "completed", 1)] * 3
        assert ask(database, "SELECT * FROM usage_hour ORDER BY 1, 2, 3, 4, 5") == before
        (spent,) = ask(database, "SELECT sum(cost_nusd) FROM request WHERE purpose = 'replay'")
        assert end.progress.spent_nusd == spent[0]
        assert (end.report["sent"], end.report["changed"]) == (3, 3)
        assert end.report["new"]["finish_reasons"] == {"stop": 3}
        kept = ask(database, "SELECT old_target, new_target, new_success FROM replay_results")
        assert kept == [("lab/fast", "lab/new", 1.0)] * 3


@ON_SQLITE
async def test_failures_of_a_replay_move_no_breaker_and_are_tried_once(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    async with Provider() as provider:
        await logged(database, provider, [f"text {i}" for i in range(6)])
        provider.on("new", status(500))
        end = await live(database, provider, tmp_path)
        assert sum(texts(provider, "new").values()) == 6
        assert replayed(database, "ending, attempts") == [("failed", 1)] * 6
        assert ask(database, "SELECT count(*) FROM breaker") == [(0,)]
        moved = "SELECT count(*) FROM event WHERE kind LIKE 'breaker.%' OR kind LIKE 'target.%'"
        assert ask(database, moved) == [(0,)]
        assert end.report["new"]["errors"] == 6


async def test_the_budget_is_never_passed_whatever_runs_at_once(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    async with Provider() as provider:
        await logged(database, provider, [f"text {i}" for i in range(12)])
        usage = {"prompt_tokens": 60, "completion_tokens": 100, "total_tokens": 160}
        provider.on("new", answer("dear", usage=usage))
        # What is set aside for one is some 4 million nano-dollars; what it costs, 0.58.
        budget = 6_000_000
        end = await live(database, provider, tmp_path, max_nusd=budget, concurrency=8)
        costs = [cost for (cost,) in replayed(database, "cost_nusd")]
        assert 0 < sum(costs) <= budget
        assert end.progress.spent_nusd == sum(costs)
        assert end.report["budget_is_spent"]
        assert 0 < end.progress.sent < 12
        # More money, and it goes on where it stopped.
        again = await live(database, provider, tmp_path, resumed=end.number, max_nusd=USD)
        assert again.progress.sent == 12
        assert set(texts(provider, "new").values()) == {1}


@ON_SQLITE
async def test_no_more_requests_are_sent_than_allowed(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    async with Provider() as provider:
        await logged(database, provider, [f"text {i}" for i in range(8)])
        end = await live(database, provider, tmp_path, max_requests=3, concurrency=5)
        assert end.progress.sent == sum(texts(provider, "new").values()) == 3


@ON_SQLITE
async def test_a_model_without_a_price_is_asked_only_when_that_is_allowed(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    async with Provider() as provider:
        await logged(database, provider, ["one"])
        prices = {"lab/fast": PRICES["lab/fast"]}
        end = await live(database, provider, tmp_path, prices=prices)
        assert (end.progress.sent, end.report["flags"]) == (0, {"no_price": 1})
        assert replayed(database, "id") == []
        end = await live(
            database, provider, tmp_path, prices=prices, allows_unknown_prices=True, max_requests=1
        )
        assert end.progress.sent == 1


@ON_SQLITE
async def test_what_would_not_change_is_not_sent(database: DatabaseAddress, tmp_path: Path) -> None:
    async with Provider() as provider:
        await logged(database, provider, ["one"])
        settings = settings_of(database, tmp_path)
        same = lab(provider, routes=OLD, prices=PRICES)
        order = LiveOrder(ReplayWindow(), LiveOptions(max_nusd=USD))
        end = await replay_live(settings, same, order)
        assert (end.progress.sent, end.report["flags"]) == (0, {"unchanged": 1})
        assert len(provider.seen) == 1


async def test_a_request_without_a_limit_gets_one(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    async with Provider() as provider:
        document = lab(provider, routes=OLD, prices=PRICES)
        async with running_router(database, document) as router:
            await router.chat("one", model="team")
        await live(database, provider, tmp_path, max_output_tokens=321)
        assert provider.seen[-1].json["max_completion_tokens"] == 321


async def prefers_better(wire: Wire, seen: Seen) -> None:
    """A judge that knows the better answer wherever it stands."""
    question = seen.json["messages"][-1]["content"]
    first = question.index("<answer_a>")
    word = "A" if "better" in question[first : question.index("<answer_b>")] else "B"
    await answer(word)(wire, seen)


async def test_the_old_target_is_asked_too_and_a_judge_in_both_orders(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    async with Provider() as provider:
        await logged(database, provider, ["one", "two"])
        provider.on("new", answer("a better answer"))
        provider.on("judge", prefers_better)
        end = await live(database, provider, tmp_path, baseline="ask", judge="lab/judge")
        assert end.report["judge"]["new_wins"] == 2
        assert end.report["judge"]["new_win_rate"]["value"] == 1.0
        assert end.report["old"]["answers"] == 2
        kinds = ask(
            database,
            "SELECT kind, count(*) FROM attempt JOIN request ON id = request_id "
            "WHERE purpose = 'replay' GROUP BY kind ORDER BY kind",
        )
        assert kinds == [("chat", 4), ("judge", 4)]
        (total,) = ask(database, "SELECT sum(cost_nusd) FROM request WHERE purpose = 'replay'")
        assert end.progress.spent_nusd == total[0]


@ON_SQLITE
async def test_a_judge_that_always_takes_the_first_answer_decides_nothing(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    async with Provider() as provider:
        await logged(database, provider, ["one"])
        provider.on("judge", answer("A"))
        end = await live(database, provider, tmp_path, baseline="ask", judge="lab/judge")
        assert (end.report["judge"]["ties"], end.report["judge"]["new_win_rate"]) == (1, None)


@pytest.mark.parametrize(
    ("ended_by", "left"),
    [
        (signal.SIGKILL, "running"),
        (signal.SIGINT, "interrupted"),
        (signal.SIGTERM, "interrupted"),
    ],
)
async def test_a_replay_that_was_ended_pays_for_nothing_twice(
    database: DatabaseAddress, tmp_path: Path, ended_by: signal.Signals, left: str
) -> None:
    if ended_by != signal.SIGKILL and database.kind == "postgresql":
        pytest.skip("how a process notes that it was interrupted is the same on both")
    async with Provider() as provider:
        await logged(database, provider, [f"text {i}" for i in range(8)])
        provider.on("new", answer("first"), answer("second"), hang())
        sent = len(provider.seen)
        url = database.url.render_as_string(hide_password=False)
        document = orjson.dumps(lab(provider, routes=NEW, prices=PRICES)).decode()
        command = [sys.executable, "-m", "tests.replay.live_process", url, str(tmp_path), document]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **KEYS}
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stderr=subprocess.PIPE
        )
        # Two are answered, two will never be.
        await eventually(lambda: len(provider.seen) >= sent + 4, within_s=90)
        process.send_signal(ended_by)
        await asyncio.wait_for(process.communicate(), 90)
        assert process.returncode not in (0, None)

        provider.on("new", answer("again"))
        ((number, state),) = ask(database, "SELECT id, state FROM replays")
        assert state == left
        end = await live(database, provider, tmp_path, resumed=number)
        assert set(texts(provider, "new").values()) == {1}
        assert len(texts(provider, "new")) == 8
        assert end.progress.done == 8
        # The two that were on their way count as all that was set aside for them.
        assert end.progress.lost == 2
        known = "SELECT sum(cost_nusd) FROM request WHERE purpose = 'replay'"
        (costs,) = ask(database, known)
        reserved = [
            orjson.loads(data) if isinstance(data, str) else data
            for (data,) in ask(database, "SELECT data FROM replay_results")
        ]
        lost = sum(data["spent_nusd"] for data in reserved if "new" not in data)
        assert lost > 2 * 400_000
        assert end.progress.spent_nusd == costs[0] + lost
        open_ones = "SELECT count(*) FROM event WHERE kind = 'attempt.started'"
        assert ask(database, open_ones) == ask(database, "SELECT count(*) FROM attempt")


@ON_SQLITE
async def test_neither_a_fallback_nor_a_hedge_nor_a_second_try_is_paid_for(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    async with Provider() as provider:
        await logged(database, provider, ["one"])
        settings = settings_of(database, tmp_path)
        document = lab(provider, routes={"team": ["lab/new", "spare/new"]}, prices=PRICES)
        hedged = {**document["combos"]["team"], "hedge_after_ms": 1}
        document = {**document, "combos": {"team": hedged}}
        provider.on("new", status(503), answer("the second try"))
        order = LiveOrder(ReplayWindow(), LiveOptions(max_nusd=USD))
        end = await replay_live(settings, document, order)
        assert texts(provider, "new") == Counter(["one"])
        assert end.report["new"]["errors"] == 1


async def test_whom_to_ask_is_decided_as_of_then(database: DatabaseAddress, tmp_path: Path) -> None:
    """An open tool loop keeps its category, as the conversation was known then."""
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
    call = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    question = {"role": "user", "content": "Write a Python function"}
    loop = [
        question,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ]
    old = {name: {"models": ["lab/fast"]} for name in ("code", "tools")}
    async with Provider() as provider:
        document = lab(provider, prices=PRICES, categories=old)
        async with running_router(database, document) as router:
            body = {"model": "router", "max_tokens": 9, "messages": [question]}
            first = await router.http.post("/v1/chat/completions", json=body)
            assert first.status_code == 200
            body |= {"messages": loop, "tools": [tool]}
            assert (await router.http.post("/v1/chat/completions", json=body)).status_code == 200
        asked = len(provider.seen)
        new = {"code": {"models": ["lab/new"]}, "tools": {"models": ["lab/judge"]}}
        document = lab(provider, prices=PRICES, categories=new)
        order = LiveOrder(ReplayWindow(), LiveOptions(max_nusd=USD, concurrency=1))
        end = await replay_live(settings_of(database, tmp_path), document, order)
        assert end.progress.sent == 2
        assert [seen.json["model"] for seen in provider.seen[asked:]] == ["new", "new"]
        decided = "SELECT category FROM request WHERE purpose = 'replay' ORDER BY id"
        assert ask(database, decided) == [("code",), ("code",)]
