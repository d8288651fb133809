"""What models can do: the configuration's word, the provider's, and what came back as a refusal."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from llmrouter.core.capabilities import ModelFacts
from llmrouter.core.clock import FakeClock
from llmrouter.core.routing import Target
from llmrouter.pipeline.knowledge import KEPT_S, MAX_REFUSALS, Knowledge
from llmrouter.store.engine import DatabaseAddress
from tests.provider import Provider, Script, Seen, Wire, answer, body, drop, status
from tests.running import LAB_KEY, RunningRouter, eventually, lab, running_router

TOOL = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

OPENROUTER_MODELS = {
    "data": [
        {
            "id": "fast",
            "context_length": 8192,
            "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
            "top_provider": {"max_completion_tokens": 1024},
            "supported_parameters": ["max_tokens", "temperature"],
        },
        {
            "id": "wise",
            "context_length": 131072,
            "architecture": {"input_modalities": ["text", "image"]},
            "supported_parameters": ["tools", "structured_outputs"],
        },
        {"id": "plain"},
        {"no": "id"},
    ]
}
"""As openrouter.ai/api/v1/models lists them (API reference, 2026-11-21)."""


def asked_for(path: str, found: Script) -> Script:
    """A script for one path; anything else is a chat."""

    async def script(wire: Wire, seen: Seen) -> None:
        await (found if seen.path.endswith(path) else answer())(wire, seen)

    return script


class Lister(Provider):
    """A provider whose ``GET /models`` is scripted."""

    def __init__(self, listing: Script) -> None:
        super().__init__()
        self.listing = listing

    def _script_for(self, seen: Seen) -> Script:
        return self.listing if seen.method == "GET" else super()._script_for(seen)


def listed() -> Script:
    return body(json.dumps(OPENROUTER_MODELS).encode())


def describing(provider: Provider, **sections: Any) -> dict[str, Any]:
    """A document whose provider ``lab`` describes its models, and is alone in its routes."""
    document: dict[str, Any] = {
        **lab(provider, routes={"both": ["lab/fast", "lab/wise"]}),
        **sections,
    }
    document["providers"] = {
        "lab": {**document["providers"]["lab"], "describes_models": True},
        "ollama": None,
    }
    names = ("tools", "code", "reasoning", "conversation")
    document["categories"] = {name: {"models": ["lab/plain"]} for name in names}
    return document


@pytest.fixture
async def lister() -> AsyncIterator[Lister]:
    async with Lister(listed()) as started:
        yield started


def started(
    database: DatabaseAddress, document: Mapping[str, Any]
) -> contextlib.AbstractAsyncContextManager[RunningRouter]:
    """A router that begins with the document, so that the first survey knows it."""
    assert database.path is not None
    file = database.path.with_name("router.json")
    file.write_text(json.dumps(document))
    return running_router(database, document, config_file=file)


async def surveyed(router: RunningRouter, model: str = "wise") -> None:
    """Waits until the provider's word has arrived."""
    knowledge = router.router.services.knowledge
    await eventually(lambda: knowledge.of(Target("lab", model)).said != ModelFacts())


async def candidates(router: RunningRouter, reply: Any) -> list[Any]:
    story = await router.http.get(f"/requests/{reply.headers['x-llmrouter-request-id']}")
    found: list[Any] = story.json()["decision"]["candidates"]
    return found


async def test_a_provider_s_word_refuses_what_its_model_cannot_do(
    lister: Lister, sqlite_database: DatabaseAddress
) -> None:
    async with started(sqlite_database, describing(lister)) as router:
        await surveyed(router)
        reply = await router.chat(model="both", tools=[TOOL])

        assert lister.seen[-1].model == "wise"
        assert (await candidates(router, reply))[0] == {
            "target": "lab/fast",
            "refused": "no_tools",
            "detail": "its provider says so",
        }
        (question,) = [seen for seen in lister.seen if seen.method == "GET"]
        assert (question.path, question.body) == ("/v1/models", b"")
        assert question.headers["authorization"] == f"Bearer {LAB_KEY}"
        shown = (await router.http.get("/providers")).json()["lab"]["capabilities"]
        assert shown["fast"]["tools"] == {"value": False, "provenance": "provider"}
        assert shown["fast"]["context_tokens"] == {"value": 8192, "provenance": "provider"}
        assert shown["wise"]["vision"] == {"value": True, "provenance": "provider"}
        assert "audio" not in shown.get("plain", {}), "what nobody says is not shown"


async def test_the_configuration_has_the_last_word(
    lister: Lister, sqlite_database: DatabaseAddress
) -> None:
    models = {"lab/fast": {"tools": True}, "lab/wise": {"tools": False}}
    async with started(sqlite_database, describing(lister, models=models)) as router:
        await surveyed(router)
        await router.chat(model="both", tools=[TOOL])

        assert lister.seen[-1].model == "fast"
        shown = (await router.http.get("/providers")).json()["lab"]["capabilities"]
        assert shown["wise"]["tools"] == {"value": False, "provenance": "configured"}


@pytest.mark.parametrize(
    "listing",
    [status(500), body(b"<html>"), body(b"[]"), drop()],
    ids=["500", "html", "list", "drop"],
)
async def test_a_provider_that_does_not_say_refuses_nothing(
    listing: Script, sqlite_database: DatabaseAddress
) -> None:
    async with Lister(listing) as provider:
        async with started(sqlite_database, describing(provider)) as router:
            await eventually(lambda: any(seen.method == "GET" for seen in provider.seen))
            reply = await router.chat(model="both", tools=[TOOL])
        assert reply.headers["x-llmrouter-model"] == "lab/fast"


async def test_only_providers_that_say_so_and_have_their_key_are_asked(
    lister: Lister, sqlite_database: DatabaseAddress
) -> None:
    async with Lister(listed()) as other:
        document = describing(lister)
        keyless = {"base_url": other.base_url, "api_key_env": "MISSING", "describes_models": True}
        silent = {"base_url": other.base_url}
        document["providers"] |= {"keyless": keyless, "silent": silent}
        document["combos"] = {"all": {"models": ["keyless/fast", "silent/fast", "lab/fast"]}}
        async with started(sqlite_database, document) as router:
            await surveyed(router)
    assert other.seen == []


async def test_ollama_is_asked_about_each_model_in_use(sqlite_database: DatabaseAddress) -> None:
    shown = {
        "capabilities": ["completion", "tools"],
        "model_info": {"general.architecture": "llama", "llama.context_length": 4096},
    }
    script = asked_for("/api/show", body(json.dumps(shown).encode()))
    async with Provider(otherwise=script) as provider:
        document = describing(provider)
        address = f"http://127.0.0.1:{provider.port}"
        home = {"dialect": "ollama", "base_url": address, "describes_models": True}
        document["providers"] = {"lab": home, "ollama": None}
        async with started(sqlite_database, document) as router:
            await surveyed(router)
            said = router.router.services.knowledge.of(Target("lab", "wise")).said
            content = [{"type": "text", "text": "What is this?"}, PICTURE]
            reply = await router.http.post(
                "/v1/chat/completions",
                json={"model": "lab/wise", "messages": [{"role": "user", "content": content}]},
            )
        questions = {seen.model for seen in provider.seen if seen.path == "/api/show"}

    assert questions == {"fast", "wise", "plain"}
    assert said == ModelFacts(4096, tools=True, vision=False)
    assert reply.status_code == 400
    assert "cannot see images" in reply.json()["error"]["message"]


async def test_a_refusal_that_names_a_need_is_remembered(
    lister: Lister, sqlite_database: DatabaseAddress
) -> None:
    lister.on("plain", status(404, "No endpoints found that support tool use."))
    lister.on("wise", answer("Noon."))
    document = describing(lister)
    document["combos"] = {"pair": {"models": ["lab/plain", "lab/wise"]}}
    async with started(sqlite_database, document) as router:
        await router.chat(model="pair", tools=[TOOL])
        again = await router.chat(model="pair", tools=[TOOL])
        without = await router.chat("Hello", model="lab/plain")
        asked = [seen.model for seen in lister.seen if seen.method == "POST"]
        shown = (await router.http.get("/providers")).json()["lab"]["capabilities"]["plain"]

    assert asked == ["plain", "wise", "wise", "plain"], "the second time it is not even tried"
    assert again.headers["x-llmrouter-attempts"] == "1"
    assert without.status_code == 404, "what it was not refused for is still asked"
    assert (shown["tools"]["value"], shown["tools"]["provenance"]) == (False, "evidence")
    assert shown["tools"]["until_us"] > 0


def test_evidence_lasts_a_day() -> None:
    clock = FakeClock()
    knowledge, target = Knowledge(clock), Target("lab", "fast")
    knowledge.note_refused(target, {"tools"})
    assert knowledge.of(target).refused == {"tools"}
    assert knowledge.of(Target("lab", "other")).refused == frozenset()

    clock.advance(KEPT_S - 1)
    assert knowledge.of(target).refused == {"tools"}
    clock.advance(2)
    assert knowledge.of(target).refused == frozenset()


def test_evidence_is_bounded() -> None:
    knowledge = Knowledge(FakeClock())
    for n in range(MAX_REFUSALS + 1):
        knowledge.note_refused(Target("lab", str(n)), {"vision"})

    assert knowledge.of(Target("lab", "0")).refused == frozenset()
    assert knowledge.of(Target("lab", "1")).refused == {"vision"}


async def test_a_model_is_not_asked_for_more_than_it_can_give_and_that_is_said(
    lister: Lister, sqlite_database: DatabaseAddress
) -> None:
    configured = {"lab/wise": {"max_output_tokens": 500}}
    async with started(sqlite_database, describing(lister, models=configured)) as router:
        await surveyed(router)
        asked = {"fast": 9000, "wise": 501, "plain": 9000}
        stories = {}
        for model, tokens in asked.items():
            reply = await router.chat(model=f"lab/{model}", max_tokens=tokens)
            stories[model] = router.ledger.story(reply)
        sent = {seen.model: seen.json["max_tokens"] for seen in lister.seen if seen.body}
        assert sent == {"fast": 1024, "wise": 500, "plain": 9000}
        notes = {model: s.data("attempt.started").translation_notes for model, s in stories.items()}
        assert notes == {
            "fast": ("max_tokens: 1024 instead of 9000, the most it can give",),
            "wise": ("max_tokens: 500 instead of 501, the most it can give",),
            "plain": (),
        }
