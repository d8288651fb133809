"""The configuration over HTTP and by file: versions, changes, faults, and running requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmrouter.pipeline import config_file
from llmrouter.store.engine import DatabaseAddress
from tests.provider import DONE, FINISH, USAGE, Provider, stream
from tests.running import Document, RunningRouter, eventually, lab, running_router
from tests.web.conftest import categorised


async def test_the_configuration_is_shown_in_the_flat_form(router: RunningRouter) -> None:
    shown = (await router.http.get("/config")).json()
    assert shown["routing_mode"] == "keywords"
    assert shown["ollama"] == {"base_url": "http://localhost:11434", "model": "qwen2.5:0.5b"}
    assert shown["model_mappings"]["code"] == ["lab/code", "spare/code"]
    assert "python" in shown["keywords"]["code"]
    assert shown["model_costs"]["lab/fast"] == {"input": 1, "output": 2}
    assert shown["version"] == 2


async def test_what_was_shown_can_be_put_back_and_means_the_same(router: RunningRouter) -> None:
    before = router.router.services.configuration.table.config
    shown = (await router.http.get("/config")).json()
    reply = await router.http.put("/config", json=shown)
    assert reply.status_code == 200
    assert reply.json() == {"status": "ok", "version": 3}
    after = router.router.services.configuration.table.config
    assert after.model_copy(update={"prices": {}}) == before.model_copy(update={"prices": {}})
    assert (await router.http.get("/config")).json() == {**shown, "version": 3}
    assert (await router.chat()).headers["x-llmrouter-model"] == "lab/fast"


async def test_a_flat_document_changes_what_it_says_and_nothing_else(
    router: RunningRouter,
) -> None:
    shown = (await router.http.get("/config")).json()
    shown["model_mappings"]["code"] = ["spare/code"]
    shown["model_mappings"]["poems"] = ["lab/poems"]
    assert (await router.http.put("/config", json=shown)).status_code == 200
    assert (await router.chat(model="code")).headers["x-llmrouter-model"] == "spare/code"
    assert (await router.chat(model="poems")).headers["x-llmrouter-model"] == "lab/poems"
    assert (await router.chat(model="pair")).status_code == 200  # a combo: the form has none
    del shown["model_mappings"]["poems"]
    assert (await router.http.put("/config", json=shown)).status_code == 200
    assert (await router.chat(model="poems")).status_code == 404
    assert (await router.http.put("/config", json={"routing_mode": "local"})).status_code == 200
    assert (await router.chat(model="code")).headers["x-llmrouter-model"] == "spare/code"


async def test_a_document_replaces_the_running_one_as_a_whole(
    provider: Provider, router: RunningRouter
) -> None:
    document = lab(provider, routes={"solo": ["spare/fast"]})
    reply = await router.http.put("/config?note=smaller", json=document)
    assert reply.json()["version"] == 3
    answered = await router.chat(model="solo")
    assert answered.headers["x-llmrouter-config-version"] == "3"
    assert (await router.chat(model="pair")).status_code == 404


async def test_versions_are_listed_and_shown_and_rolled_back_to(
    provider: Provider, router: RunningRouter
) -> None:
    await router.http.put("/config?note=smaller", json=lab(provider))
    listed = (await router.http.get("/config/versions")).json()["versions"]
    assert [(v["version"], v["parent"], v["author"]) for v in listed] == [
        (3, 2, "api"), (2, 1, "test"), (1, None, "default"),
    ]  # fmt: skip
    assert [v["running"] for v in listed] == [True, False, False]
    assert listed[0]["note"] == "smaller"
    page = (await router.http.get("/config/versions?before=3&limit=1")).json()["versions"]
    assert [v["version"] for v in page] == [2]
    shown = (await router.http.get("/config/versions/2")).json()
    assert shown["document"]["combos"] == {"pair": {"models": ["lab/fast", "spare/fast"]}}
    for unknown in (99, 2**64):
        assert (await router.http.get(f"/config/versions/{unknown}")).status_code == 404

    back = await router.http.post("/config/rollback", json={"version": 2})
    assert back.json() == {"status": "ok", "version": 4, "restored": 2}
    assert (await router.chat(model="pair")).headers["x-llmrouter-config-version"] == "4"
    missing = await router.http.post("/config/rollback", json={"version": 77})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "version_not_found")


async def test_a_category_is_added_changed_and_removed(
    provider: Provider, router: RunningRouter
) -> None:
    added = await router.http.post("/config/category", json={
        "name": "cooking", "models": ["lab/cook"], "keywords": ["casserole", "souffl\u00e9"],
        "description": "recipes and kitchens", "strategy": "priority",
    })  # fmt: skip
    assert added.json() == {
        "status": "ok",
        "category": "cooking",
        "models": ["lab/cook"],
        "version": 3,
    }
    cooked = await router.chat("How long does a casserole take?", "router")
    assert cooked.headers["x-llmrouter-category"] == "cooking"
    assert cooked.headers["x-llmrouter-model"] == "lab/cook"
    assert (await router.chat(model="cooking")).headers["x-llmrouter-model"] == "lab/cook"

    mapping = {"category": "cooking", "models": ["spare/cook", "lab/cook"]}
    changed = await router.http.post("/config/model-mapping", json=mapping)
    assert changed.json()["models"] == ["spare/cook", "lab/cook"]
    category = router.router.services.configuration.table.config.categories["cooking"]
    assert category.keywords == ["casserole", "souffl\u00e9"]  # what was not given stays

    removed = await router.http.delete("/config/category/cooking")
    assert removed.json() == {"status": "ok", "category": "cooking", "version": 5}
    assert (await router.chat(model="cooking")).status_code == 404


async def test_a_built_in_category_is_changed_but_never_removed(router: RunningRouter) -> None:
    for name in ("tools", "code", "reasoning", "conversation"):
        mapping = {"category": name, "models": ["spare/other"]}
        assert (await router.http.post("/config/model-mapping", json=mapping)).status_code == 200
        reply = await router.http.delete(f"/config/category/{name}")
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "built_in_category")


FAULTS: list[tuple[str, str, Any, int, str]] = [
    ("DELETE", "/config/category/cod", None, 404, "did you mean `code`?"),
    ("POST", "/config/model-mapping", {"category": "cod", "models": ["lab/x"]}, 404, "`code`"),
    ("POST", "/config/category", {"name": "empty", "models": []}, 422, "models"),
    ("POST", "/config/category", {"name": "empty"}, 422, "models"),
    ("POST", "/config/category", {"name": "No Such", "models": ["lab/x"]}, 422, "name"),
    (
        "POST",
        "/config/category",
        {"name": "x", "models": ["lab/x"], "keyword": []},
        422,
        "keyword",
    ),
    (
        "POST",
        "/config/category",
        {"name": "x", "models": ["lab/x"], "strategy": "best"},
        422,
        "strategy",
    ),
    ("POST", "/config/category", {"name": "x", "models": ["opnerouter/y"]}, 422, "openrouter"),
    ("PUT", "/config", {"categoriess": {}}, 422, "did you mean `categories`?"),
    ("PUT", "/config", {"routing": {"mod": "local"}}, 422, "did you mean `mode`?"),
    ("PUT", "/config", {"routing": {"mode": "keyword"}}, 422, "routing.mode"),
    (
        "PUT",
        "/config",
        {"breaker": {"failure_treshold": 2}},
        422,
        "did you mean `failure_threshold`?",
    ),
    (
        "PUT",
        "/config",
        {"providers": {"lab": {"base_url": "ftp://x"}}},
        422,
        "providers.lab.base_url",
    ),
    ("PUT", "/config", {"model_mapping": {"code": ["x"]}}, 422, "model_mappings"),
    ("PUT", "/config", [], 400, "object"),
    ("POST", "/config/rollback", {"version": "two"}, 422, "version"),
    ("POST", "/config/rollback", {"version": True}, 422, "version"),
    ("POST", "/config/rollback", {"version": 2**64 - 1}, 422, "version"),
]


async def test_a_fault_is_named_with_what_was_probably_meant(router: RunningRouter) -> None:
    for method, path, document, status, says in FAULTS:
        content = {} if document is None else {"json": document}
        reply = await router.http.request(method, path, **content)
        assert reply.status_code == status, (path, document, reply.text)
        assert says in reply.json()["error"]["message"], (path, document)
    assert router.router.services.configuration.version.number == 2
    assert (await router.chat(model="pair")).status_code == 200


async def test_a_refused_configuration_leaves_an_event(router: RunningRouter) -> None:
    await router.http.put("/config", json={"categoriess": {}})
    await eventually(lambda: len(router.ledger.events("kind = 'config.rejected'")) == 1)
    (event,) = router.ledger.events("kind = 'config.rejected'")
    assert event.data.errors[0]["field"] == "categoriess"  # type: ignore[union-attr]


async def test_a_running_request_keeps_the_version_it_started_with(
    provider: Provider, router: RunningRouter
) -> None:
    go_on = asyncio.Event()
    provider.on("fast", stream("Half", go_on, " and half.", FINISH, USAGE, DONE))
    async with router.streaming(model="pair") as reply:
        chunks = reply.aiter_raw()
        await anext(chunks)
        await router.http.put("/config", json=lab(provider))  # without `pair`
        go_on.set()
        rest = b"".join([chunk async for chunk in chunks])
    assert rest.endswith(DONE)
    story = router.ledger.story(reply)
    assert (story.request["ending"], story.request["config_version"]) == ("completed", 2)
    assert (await router.chat(model="pair")).headers["x-llmrouter-config-version"] == "3"


async def test_changes_at_the_same_time_are_all_made(router: RunningRouter) -> None:
    names = [f"extra-{n}" for n in range(8)]
    replies = await asyncio.gather(*(
        router.http.post("/config/category", json={"name": name, "models": ["lab/x"]})
        for name in names
    ))  # fmt: skip
    assert {reply.status_code for reply in replies} == {200}
    assert sorted(reply.json()["version"] for reply in replies) == list(range(3, 11))
    assert set(names) <= set(router.router.services.configuration.table.config.categories)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Document | str], Path]:
    """Writes the watched file, which is looked at often here."""
    monkeypatch.setattr(config_file, "WATCH_EVERY_S", 0.02)
    path = tmp_path / "mine.json"

    def written(document: Document | str) -> Path:
        text = document if isinstance(document, str) else json.dumps(document)
        path.write_text(text)
        return path

    return written


async def test_a_changed_file_is_taken_up_without_dropping_a_request(
    provider: Provider,
    sqlite_database: DatabaseAddress,
    write: Callable[[Document | str], Path],
) -> None:
    file = write(categorised(provider))
    async with running_router(sqlite_database, {}, config_file=file) as router:
        version = router.router.services.configuration
        statuses: list[int] = []

        async def ask_on() -> None:
            while version.version.number < 3:
                statuses.append((await router.chat(model="pair")).status_code)

        asking = [asyncio.create_task(ask_on()) for _ in range(3)]
        await eventually(lambda: len(statuses) > 5)
        write({**categorised(provider), "aliases": {"swift": "lab/fast"}})
        await asyncio.gather(*asking)
        assert set(statuses) == {200}
        assert (await router.chat(model="swift")).status_code == 200
        assert version.version.author == "file"


async def test_a_broken_file_keeps_the_running_version_and_says_so(
    provider: Provider,
    sqlite_database: DatabaseAddress,
    write: Callable[[Document | str], Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = write(categorised(provider))
    async with running_router(sqlite_database, {}, config_file=file) as router:
        write('{"categories": {\n  "code": oops}}')
        await eventually(lambda: len(router.ledger.events("kind = 'config.rejected'")) == 1)
        assert (await router.chat(model="pair")).headers["x-llmrouter-config-version"] == "2"
        write({**categorised(provider), "aliases": {"swift": "lab/fast"}})  # mended
        await eventually(lambda: router.router.services.configuration.version.number == 3)
    (event,) = router.ledger.events("kind = 'config.rejected'")
    assert event.data.errors[0]["field"] == "line 2, column 11"  # type: ignore[union-attr]
    assert "mine.json" in caplog.text


async def test_an_unchanged_file_makes_no_new_version_at_the_next_start(
    provider: Provider,
    sqlite_database: DatabaseAddress,
    write: Callable[[Document | str], Path],
) -> None:
    file = write(categorised(provider))
    for _ in range(2):
        async with running_router(sqlite_database, {}, config_file=file) as router:
            assert router.router.services.configuration.version.number == 2
