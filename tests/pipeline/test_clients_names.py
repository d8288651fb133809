"""What a client may make as long as it likes leaves rows and headers of a bounded size."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmrouter.store.engine import DatabaseAddress
from tests.provider import Provider
from tests.running import ask, lab, running_router

LONG = "k" * 300_000
TOOL = {"type": "function", "function": {"name": LONG, "parameters": {}}}
CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"


@pytest.mark.parametrize(
    ("path", "document"),
    [
        pytest.param(CHAT, ask("Hi", LONG), id="an unknown model"),
        pytest.param(CHAT, ask("Hi", "lab/" + LONG), id="a model of a known provider"),
        pytest.param(CHAT, ask("Hi", "router", tools=[TOOL]), id="a tool's name"),
        pytest.param(CHAT, ask("Hi", "router", prompt_cache_key=LONG), id="a conversation"),
        pytest.param(RESPONSES, {"input": "Hi", LONG: 1}, id="a field that is dropped"),
        pytest.param(RESPONSES, {"input": [{"type": LONG}]}, id="a type that is dropped"),
        pytest.param(
            RESPONSES, {"input": "Hi", "previous_response_id": LONG}, id="an unknown reply"
        ),
        pytest.param(
            MESSAGES,
            {
                "max_tokens": 5,
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "Hi", "field": n}]}
                    for n in range(2_000)
                ],
            },
            id="many losses",
        ),
    ],
)
async def test_long_names_make_no_long_records(
    sqlite_database: DatabaseAddress, path: str, document: dict[str, Any]
) -> None:
    async with (
        Provider() as provider,
        running_router(sqlite_database, lab(provider)) as router,
    ):
        reply = await router.http.post(path, json=document)
        number = reply.headers["x-llmrouter-request-id"]
        story = (await router.http.get(f"/requests/{number}")).json()

    assert max(len(value) for value in reply.headers.values()) <= 1_100
    if reply.is_error:
        assert len(reply.content) < 2_000
    assert max(len(json.dumps(event)) for event in story["events"]) < 20_000
    assert len(json.dumps(story["request"])) < 4_000
