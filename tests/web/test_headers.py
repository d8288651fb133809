"""What every reply says of itself, and under which addresses the client API is found."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.provider import Provider, answer, status
from tests.running import RunningRouter, ask

REQUEST_ID = re.compile(r"req_[0-9a-z]{13}")


async def test_a_reply_names_its_request_category_model_attempts_version_and_cost(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", status(500), answer())
    reply = await router.chat(model="pair")
    headers = reply.headers
    assert REQUEST_ID.fullmatch(headers["x-llmrouter-request-id"])
    assert headers["x-request-id"] == headers["x-llmrouter-request-id"]
    assert headers["x-llmrouter-category"] == "none"
    assert headers["x-llmrouter-model"] == "spare/fast"
    assert headers["x-llmrouter-attempts"] == "2"
    assert headers["x-llmrouter-config-version"] == "2"
    assert "x-llmrouter-cost-usd" not in headers  # the price of spare/fast is not known
    priced = await router.chat()
    assert priced.headers["x-llmrouter-cost-usd"] == "0.00002"


async def test_a_stream_s_headers_come_with_its_first_token(
    provider: Provider, router: RunningRouter
) -> None:
    async with router.streaming("Fix this Python function: def f(): retrun 1", "router") as reply:
        await reply.aread()
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["x-llmrouter-category"] == "code"
    assert reply.headers["x-llmrouter-model"] == "lab/code"
    assert reply.headers["cache-control"] == "no-cache"
    assert "content-length" not in reply.headers


async def test_every_reply_has_a_request_id(router: RunningRouter) -> None:
    for method, path in [
        ("GET", "/health"), ("GET", "/v1/models"), ("GET", "/metrics"), ("GET", "/nowhere"),
        ("GET", "/config"), ("POST", "/circuit-breaker/reset-all"), ("POST", "/v1/embeddings"),
    ]:  # fmt: skip
        reply = await router.http.request(method, path)
        assert REQUEST_ID.fullmatch(reply.headers["x-request-id"]), path


async def test_a_refused_request_has_a_request_id(router: RunningRouter) -> None:
    reply = await router.http.get("/v1/models", headers={"host": "evil.example"})
    assert reply.status_code == 403
    assert REQUEST_ID.fullmatch(reply.headers["x-request-id"])


async def test_chat_is_found_with_and_without_the_prefix(router: RunningRouter) -> None:
    for path in (
        "/chat/completions", "/v1/chat/completions", "/v1/v1/chat/completions",
        "/v1/chat/completions/", "/v1/chat/completions?beta=true",
    ):  # fmt: skip
        assert (await router.http.post(path, json=ask())).status_code == 200, path


async def test_models_are_listed(router: RunningRouter) -> None:
    for path in ("/models", "/v1/models", "/v1/v1/models", "/v1/models/"):
        listed = (await router.http.get(path)).json()
        assert listed["object"] == "list"
        names = [model["id"] for model in listed["data"]]
        assert names[0] == "router"
        assert {"code", "conversation", "pair", "lab/fast", "gpt-4o-mini"} <= set(names)
    one = (await router.http.get("/v1/models/lab/fast")).json()
    assert (one["id"], one["owned_by"]) == ("lab/fast", "lab")


async def test_an_unknown_model_is_not_listed(router: RunningRouter) -> None:
    reply = await router.http.get("/v1/models/lab/nothing-like-it")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("model", ["lab/\u6a21\u578b", "lab/a b"])
async def test_a_model_s_name_cannot_break_the_headers(model: str, router: RunningRouter) -> None:
    reply = await router.chat(model=model)
    assert reply.status_code == 200
    assert "set-cookie" not in reply.headers
    story = router.ledger.story(reply)
    assert (story.request["ending"], story.request["requested_model"]) == ("completed", model)
    async with router.streaming(model=model) as streamed:
        assert (await streamed.aread()).endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("path", "document", "reason"),
    [
        ("/api/generate", {"model": "router"}, "load"),
        ("/api/generate", {"model": "router", "prompt": "", "keep_alive": 0}, "unload"),
        ("/api/chat", {"model": "router", "messages": []}, "load"),
    ],
)
async def test_loading_a_model_is_acknowledged_and_calls_nobody(
    path: str, document: dict[str, Any], reason: str, provider: Provider, router: RunningRouter
) -> None:
    reply = await router.http.post(path, json=document)
    assert (reply.status_code, reply.json()["done_reason"]) == (200, reason)
    assert provider.seen == []
    story = router.ledger.story(reply)
    assert (story.request["ending"], story.request["attempts"]) == ("completed", 0)


async def test_an_unknown_method_of_a_gemini_model_is_told_in_googles_shape(
    router: RunningRouter,
) -> None:
    reply = await router.http.post("/v1beta/models/router:embedContent", json={})
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["status"]) == (404, 404, "NOT_FOUND")
    assert "embedContent" in error["message"]


async def test_the_bodies_carry_nothing_of_ours(provider: Provider, router: RunningRouter) -> None:
    reply = await router.chat()
    assert reply.json().keys() == {"id", "object", "created", "model", "choices", "usage"}
    assert reply.json()["model"] == "provider-model"
    assert len(provider.seen) == 1


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("PUT", "/v1/messages", "POST"),
        ("GET", "/api/chat", "POST"),
        ("POST", "/health", "GET"),
    ],
)
async def test_a_method_that_a_path_does_not_answer_is_refused_with_those_it_does(
    router: RunningRouter, method: str, path: str, allowed: str
) -> None:
    reply = await router.http.request(method, path, json={})
    assert (reply.status_code, reply.json()["error"]["code"]) == (405, "method_not_allowed")
    assert allowed in reply.headers["allow"]
